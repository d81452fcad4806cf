package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes ca.pem, me.pem and me.key for the names of the tests into a folder.
func certificate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"hss.ims.example", "diacat.localdomain"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.pem", "CERTIFICATE", der)
	write("me.key", "PRIVATE KEY", pkcs)
	return dir
}

// TestTLS: from the start and in band, with certificates both ways; and without what it needs.
func TestTLS(t *testing.T) {
	dir := certificate(t)
	ours := []string{"-ca", dir + "/ca.pem", "-cert", dir + "/ca.pem", "-key", dir + "/me.key"}
	text, err := os.ReadFile("testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "hss.yaml")
	os.WriteFile(file, []byte(strings.Replace(string(text), `"127.0.0.1:0"`, `"tls:127.0.0.1:0"`, 1)), 0o600)
	secure, _ := start(t, append(append([]string{"listen", "-q"}, ours...), file)...)
	inband, _ := start(t, append(append([]string{"listen", "-q", "-tls-inband"}, ours...), "testdata/hss.yaml")...)
	for _, c := range []struct {
		name, address string
		args          []string
		status        int
		want          string
	}{
		{"from the start", secure, append([]string{"-tls", "-tls-name", "hss.ims.example"}, ours...), 0, "over TLS"},
		{"in band", inband, append([]string{"-tls-inband", "-tls-name", "hss.ims.example"}, ours...), 0, "over TLS"},
		{"another name", secure, append([]string{"-tls", "-tls-name", "mme.example"}, ours...), 1, "-tls-name the name in it"},
		{"no TLS where it has to be", inband, nil, 1, "you offered no Inband-Security-Id (none); hss.ims.example wants something else"},
		{"an authority that nobody knows", secure, []string{"-tls", "-cert", dir + "/ca.pem", "-key", dir + "/me.key"}, 1, "-ca names the authority"},
	} {
		status, out, errs := cat(t, "", append(append([]string{"connect", "-timeout", "5s"}, c.args...), c.address)...)
		if status != c.status || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: status %d: %s%s", c.name, status, out, errs)
		}
	}
}

// TestSCTP: over our own SCTP in UDP.
func TestSCTP(t *testing.T) {
	text, err := os.ReadFile("testdata/hss.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hss.yaml")
	server := freeUDP(t)
	os.WriteFile(file, []byte(strings.Replace(string(text), `"127.0.0.1:0"`, `"sctp:127.0.0.1:3868/udp:`+server+`"`, 1)), 0o600)
	start(t, "listen", "-q", "-sctp", "udp", file)
	status, out, errs := cat(t, "", "send", "-sctp", "udp", "-var", "user=alice", "127.0.0.1:3868/udp:"+server, "testdata/uar.yaml")
	if status != 0 || !strings.Contains(out, "DIAMETER_FIRST_REGISTRATION") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

func freeUDP(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	_, port, _ := net.SplitHostPort(pc.LocalAddr().String())
	return port
}
