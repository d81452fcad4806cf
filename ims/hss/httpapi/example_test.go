package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gotelco/telco/ims/hss"
	"github.com/gotelco/telco/ims/hss/httpapi"
)

func Example() {
	store := hss.NewMemoryStore()
	defer store.Close()
	trail := httpapi.NewTrail(0, nil)
	h, err := hss.New(hss.Config{Host: "hss.ims.example", Realm: "ims.example", Store: store, Audit: trail.Event})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	srv := httptest.NewServer(httpapi.New(httpapi.Config{HSS: h, Store: store, Audit: trail}))
	defer srv.Close()

	res, err := http.Post(srv.URL+"/v1/subscribers", "application/json", strings.NewReader(`{"id": "alice",
		"privateIdentities": [{"impi": "alice@ims.example", "aka": {"k": "465b5ce8b199b49faa5f0a2ee238a6bc", "opc": "cd63cb71954a9f4e48a5994e37a02baf"}}],
		"publicIdentities": [{"identity": "sip:alice@ims.example"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s, ETag %s\n%s", res.Status, res.Header.Get("ETag"), body)
	for _, e := range trail.Before(0, 10) {
		fmt.Println(e.Who, e.What, e.Subject, e.Details)
	}
	// Output:
	// 201 Created, ETag "1"
	// {"id":"alice","privateIdentities":[{"impi":"alice@ims.example","aka":{"k":"***","opc":"***"}}],"publicIdentities":[{"identity":"sip:alice@ims.example"}]}
	// api 127.0.0.1 put alice new
}
