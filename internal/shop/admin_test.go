package shop

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAdminRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/faults", `{"kind":"flood","service":"cart-api"}`, 400, "use one of slow, errors"},
		{"POST", "/faults", `{"kind":"crash","service":"nobody-api"}`, 400, "unknown service"},
		{"POST", "/faults", `{"kind":"crash","service":"cart-api","latencyy":"1s"}`, 400, "unknown field"},
		{"POST", "/faults", `{"kind":"crash","service":"cart-api","latency":"1s"}`, 400, `no "latency"`},
		{"POST", "/faults", `{"kind":"slow","service":"cart-api"}`, 400, "either"},
		{"POST", "/faults", `{"kind":"slow","service":"cart-api","latency":500}`, 400, `"500ms"`},
		{"POST", "/faults", `{"kind":"slow","service":"cart-api","latency":"1s","add":"1s"}`, 400, "either"},
		{"POST", "/faults", `{"kind":"slow","service":"cart-api","latency":"1h"}`, 400, "at most 1m"},
		{"POST", "/faults", `{"kind":"slow","service":"cart-api","latency":"1s","from":"tax-api"}`, 400, "does not call"},
		{"POST", "/faults", `{"kind":"errors","service":"cart-api","share":1.5}`, 400, "at most 1"},
		{"POST", "/faults", `{"kind":"errors","service":"cart-api","status":200}`, 400, "400 to 599"},
		{"POST", "/faults", `{"kind":"small_pool","service":"cart-api"}`, 400, "size"},
		{"POST", "/faults", `{"kind":"small_pool","service":"cart-api","size":1,"dependency":"tax-api"}`, 400, "it calls shop-db"},
		{"POST", "/faults", `{"kind":"small_pool","service":"tracking-api","size":1}`, 400, "calls nobody"},
		{"POST", "/faults", `{"kind":"surge","service":"cart-api","factor":0.5}`, 400, "factor"},
		{"POST", "/faults", `{"kind":"bad_version","service":"cart-api","version":"4.9.0"}`, 400, "runs already"},
		{"POST", "/faults", `{"kind":"bad_version","service":"cart-api","version":"fault 1"}`, 400, "letters"},
		{"POST", "/faults", ``, 400, "empty"},
		{"POST", "/faults", `{"kind":"crash","service":"cart-api"}{}`, 400, "more than one"},
		{"POST", "/faults", `{"kind":"` + strings.Repeat("x", largestBody) + `"}`, 413, "64 KiB"},
		{"PUT", "/faults/fault-1", `{"lease":"1s"}`, 404, "GET /faults"},
		{"DELETE", "/faults/fault-1", ``, 404, "no fault"},
		{"GET", "/faults/fault-1", ``, 404, "no fault"},
		{"GET", "/services/nobody-api", ``, 404, "GET /services"},
		{"GET", "/nothing", ``, 404, "docs/shop.md"},
		{"PUT", "/services/cart-api/scale", `{"instances":0}`, 400, "1 to 200"},
		{"PUT", "/services/cart-api/scale", `{"replicas":3}`, 400, "instances"},
		{"PUT", "/services/nobody-api/scale", `{"instances":3}`, 404, "unknown service"},
		{"PUT", "/services/cart-api/pools/tax-api", `{"size":3}`, 404, "it calls"},
		{"PUT", "/services/cart-api/pools/shop-db", `{"size":0}`, 400, "1 to 1000"},
		{"PUT", "/services/cart-api/breakers/shop-db", `{"state":"ajar"}`, 400, "open, closed or auto"},
		{"PUT", "/services/cart-api/retry-budget", `{}`, 400, "max_retries"},
		{"PUT", "/services/cart-api/retry-budget", `{"max_retries":-1}`, 400, "0 to 10"},
		{"PUT", "/services/cart-api/retry-budget", `{"percent":101}`, 400, "0 to 100"},
		{"PUT", "/services/cart-api/retry-budget", `{"max_retries":0,"dependency":"tax-api"}`, 400, "it calls"},
		{"PUT", "/callers-of/nobody-api/retry-budget", `{"max_retries":0}`, 404, "unknown service"},
		{"PUT", "/callers-of/cart-api/breakers", `{}`, 400, "open, closed or auto"},
		{"POST", "/services/cart-api/deploy", `{}`, 400, "version"},
		{"POST", "/services/cart-api/deploy", `{"version":"a b"}`, 400, "version"},
	} {
		status, body, _ := s.admin(c.method, c.path, c.body)
		var answer struct{ Error string }
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
		}
		if status != c.status || !strings.Contains(answer.Error, c.want) {
			t.Errorf("%s %s %.80s: got %d %q, want %d with %q", c.method, c.path, c.body, status, answer.Error, c.status, c.want)
		}
	}
	if got := get[[]Action](s, "/actions"); len(got) != 0 {
		t.Errorf("got %+v, want no action", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{{AdminAddr: "0.0.0.0:7070"}, {AdminAddr: "here"}, {Journeys: 1e6}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestRemediesAreIdempotent(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/services/cart-api/scale", `{"instances":5}`},
		{"PUT", "/services/cart-api/pools/shop-db", `{"size":50}`},
		{"PUT", "/services/cart-api/breakers/pricing-api", `{"state":"open"}`},
		{"PUT", "/services/cart-api/retry-budget", `{"max_retries":0,"dependency":"pricing-api"}`},
		{"PUT", "/callers-of/user-preferences-api/retry-budget", `{"percent":10}`},
		{"PUT", "/callers-of/user-preferences-api/breakers", `{"state":"open"}`},
		{"POST", "/services/tax-api/deploy", `{"version":"1.5.0"}`},
		{"POST", "/services/tax-api/rollback", ``},
		{"DELETE", "/services/cart-api/overrides", ``},
	} {
		for i, want := range []bool{true, false} {
			var got struct{ Changed bool }
			parse(s, s.do(c.method, c.path, c.body), &got)
			if got.Changed != want {
				t.Errorf("%s %s, time %d: got changed %v, want %v", c.method, c.path, i+1, got.Changed, want)
			}
		}
	}
	if st := s.state("tax-api"); st.Version != "1.4.7" {
		t.Errorf("two rollbacks after one deploy: got %s, want 1.4.7", st.Version)
	}
	st := s.state("cart-api")
	if d := st.dependency("pricing-api"); st.Instances != 2 || d.Breaker.Mode != "auto" || d.RetryBudget.MaxRetries != 1 || st.dependency("shop-db").Pool.Size != 24 {
		t.Errorf("without overrides: got %+v, want what is configured", st)
	}
}

func TestSameKeyGivesTheSameAnswerAndActsOnce(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	key := []string{"Idempotency-Key", "run-1-step-2"}
	before := s.state("cart-api").InstanceID
	_, first, replay := s.admin("POST", "/services/cart-api/restart", "", key...)
	once := s.state("cart-api").InstanceID
	status, second, replayed := s.admin("POST", "/services/cart-api/restart", "", key...)
	if status != 200 || string(first) != string(second) || replay || !replayed {
		t.Errorf("got %d, replay %v then %v, same answer %v", status, replay, replayed, string(first) == string(second))
	}
	if now := s.state("cart-api").InstanceID; before == once || once != now {
		t.Errorf("instances %s, %s, %s: want one restart", before, once, now)
	}
	if status, _, _ := s.admin("POST", "/services/tax-api/restart", "", key...); status != http.StatusConflict {
		t.Errorf("another request with the key: got %d, want 409", status)
	}
	actions := get[[]Action](s, "/actions")
	if len(actions) != 1 || actions[0].Key != "run-1-step-2" || actions[0].What != "POST /services/cart-api/restart" || time.Since(actions[0].Time) > time.Hour {
		t.Errorf("got %+v, want one action", actions)
	}
}

func TestRemediesReachTheService(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.do("PUT", "/services/tax-api/scale", `{"instances":4}`)
	if got := s.state("tax-api").Workers.Limit; got != 12 {
		t.Errorf("got %d workers, want 12", got)
	}
	s.do("PUT", "/services/shop-db/scale", `{"instances":2}`)
	if got := s.state("shop-db").Connections.Limit; got != 2*databaseLimit {
		t.Errorf("got %d connections, want %d", got, 2*databaseLimit)
	}
	s.do("PUT", "/services/pricing-api/breakers/tax-api", `{"state":"open"}`)
	if a := s.ask("pricing-api", "/prices", "test"); a.status != 503 || !strings.Contains(a.body, "circuit breaker open for tax-api") {
		t.Errorf("got %+v, want an open breaker", a)
	}
	s.do("PUT", "/callers-of/user-preferences-api/breakers", `{"state":"open"}`)
	if a := s.ask("fraud-detection-api", "/scores", "test"); a.status != 200 || a.defaults != preferencesName {
		t.Errorf("got %+v, want defaults", a)
	}
	s.do("PUT", "/callers-of/user-preferences-api/breakers", `{"state":"auto"}`)
	s.do("PUT", "/callers-of/user-preferences-api/retry-budget", `{"max_retries":0}`)
	s.fault(`{"kind":"errors","service":"user-preferences-api"}`)
	if a := s.ask("fraud-detection-api", "/scores", "test"); a.status != 200 || a.defaults != preferencesName {
		t.Errorf("got %+v, want defaults", a)
	}
	if got := s.state("fraud-detection-api").dependency(preferencesName).Retries; got != 0 {
		t.Errorf("got %d retries with a budget of none", got)
	}
	s.fault(`{"kind":"crash","service":"media-api"}`)
	s.do("POST", "/services/media-api/restart", "")
	if !s.state("media-api").Up {
		t.Error("a restart did not end the crash")
	}
}
