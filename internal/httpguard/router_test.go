package httpguard

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type thing struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

type api struct{ rt *Router }

func (a *api) put(w http.ResponseWriter, r *http.Request) error {
	var v thing
	if err := Body(r, &v); err != nil {
		return err
	}
	if v.N < 0 {
		return errors.New("negative")
	}
	return a.rt.Answer(w, 201, v)
}

func TestRouter(t *testing.T) {
	a := &api{}
	a.rt = New(a, Config{
		Token: "secret", MaxBody: 40, Document: []byte(`{"openapi":"3.1.0"}`),
		Problem: func(err error) (int, any) {
			var f *Fault
			if errors.As(err, &f) {
				return f.Status, f.Detail + "|" + f.Field
			}
			return 500, err.Error()
		},
	}, []Route[*api]{{Method: "PUT", Path: "/v1/things/{id}", Serve: (*api).put}, {Method: "PUT", Path: "/v1/many", Serve: (*api).put, Bodies: 2}})
	long := `{"name":"` + strings.Repeat("x", 40) + `"}`
	for _, tt := range []struct {
		method, path, token, body string
		status                    int
		want                      string
	}{
		{"PUT", "/v1/things/1", "secret", `{"name":"a"}`, 201, `{"name":"a","n":0}`},
		{"PUT", "/v1/things/1", "wrong", `{"name":"a"}`, 401, `"wants the token|"`},
		{"PUT", "/v1/things/1", "secret", `{"n":-1}`, 500, `"negative"`},
		{"PUT", "/v1/things/1", "secret", `{"n":"x"}`, 400, `"a value has the wrong type|n"`},
		{"PUT", "/v1/things/1", "secret", `{"m":1}`, 400, `"the body: unknown field \"m\"|"`},
		{"PUT", "/v1/things/1", "secret", `{} {}`, 400, `"the body: more than one value|"`},
		{"PUT", "/v1/things/1", "secret", ``, 400, `"a body in JSON is missing|"`},
		{"PUT", "/v1/things/1", "secret", long, 413, `"the body is too long|"`},
		{"PUT", "/v1/many", "secret", long, 201, strings.TrimSuffix(long, "}") + `,"n":0}`},
		{"GET", "/v1/things/1", "secret", "", 405, `"only PUT|"`},
		{"GET", "/v1/nothing", "secret", "", 404, `"no such resource; see /v1/openapi.json|"`},
		{"GET", "/v1/openapi.json", "secret", "", 200, `{"openapi":"3.1.0"}`},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		r.Header.Set("Authorization", "Bearer "+tt.token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		a.rt.ServeHTTP(w, r)
		kind := "application/json"
		if tt.status >= 400 {
			kind = "application/problem+json"
		}
		if got := strings.TrimSpace(w.Body.String()); w.Code != tt.status || got != tt.want || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s %s %s: %d %s %s, want %d %s", tt.method, tt.path, tt.body, w.Code, w.Header().Get("Content-Type"), got, tt.status, tt.want)
		}
		if (w.Code == 405) != (w.Header().Get("Allow") == "PUT") || (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%d: %v", w.Code, w.Header())
		}
	}
}
