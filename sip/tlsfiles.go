package sip

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// CertificateFiles is a certificate chain and its key in PEM files that are read again when they
// change, so that a renewed certificate needs no restart. Its methods fit tls.Config:
//
//	files, err := sip.NewCertificateFiles("cert.pem", "key.pem")
//	conf := &tls.Config{GetCertificate: files.GetCertificate, GetClientCertificate: files.GetClientCertificate}
type CertificateFiles struct {
	certFile, keyFile string

	mu      sync.Mutex
	cert    *tls.Certificate
	stamps  [2]time.Time
	checked time.Time
	err     error
}

// certificateCheck is how often the files are looked at, at most.
const certificateCheck = 5 * time.Second

// NewCertificateFiles reads the files a first time.
func NewCertificateFiles(certFile, keyFile string) (*CertificateFiles, error) {
	c := &CertificateFiles{certFile: certFile, keyFile: keyFile}
	if _, err := c.current(); err != nil {
		return nil, err
	}
	return c, nil
}

// GetCertificate returns the certificate to servers' handshakes.
func (c *CertificateFiles) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current()
}

// GetClientCertificate returns the certificate to clients' handshakes.
func (c *CertificateFiles) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.current()
}

// Err returns why changed files could not be read, nil after they could. The certificate that
// was read before stays in use.
func (c *CertificateFiles) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// current returns the newest certificate that could be read.
func (c *CertificateFiles) current() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.cert != nil && now.Sub(c.checked) < certificateCheck {
		return c.cert, nil
	}
	c.checked = now
	var stamps [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		if st, err := os.Stat(name); err == nil {
			stamps[i] = st.ModTime()
		}
	}
	if c.cert != nil && c.err == nil && stamps == c.stamps {
		return c.cert, nil
	}
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.err = fmt.Errorf("sip: certificate: %w", err)
		if c.cert == nil {
			return nil, c.err
		}
		return c.cert, nil
	}
	c.cert, c.stamps, c.err = &cert, stamps, nil
	return c.cert, nil
}
