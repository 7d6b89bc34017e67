package shop

import (
	"net/http"
	"testing"
	"time"
)

// TestBlackFriday plays the whole story with real load: user-preferences-api
// answers in 500 ms instead of 50, its callers time out and retry, pools and the
// database fill up, payments stop; then the storm is stopped while
// user-preferences-api is as slow as before.
func TestBlackFriday(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	usual := s.healthyBaseline()

	f := s.fault(`{"kind":"slow","service":"user-preferences-api","latency":"500ms"}`)
	eventually(t, "the cascade took the shop down", func() bool {
		checkout, db, payments := s.journey("checkout"), s.state(databaseName).Connections, s.state("payment-api").Recent
		return checkout.Success < 0.1 && db.InUse*100 >= db.Limit*95 && payments.Requests > 0 && payments.Bad*100 >= payments.Requests*80 &&
			s.unhealthy() >= 15 && float64(s.state(preferencesName).Recent.Requests) > 2*usual
	})
	end := time.NewTimer(8 * time.Second)
	defer end.Stop()
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-tick.C:
			if got := get[LoadReport](s, "/load").Total.Last10s.Success; got > 0.5 {
				t.Fatalf("the shop recovers by itself: %.2f of the journeys succeed", got)
			}
			continue
		case <-end.C:
			tick.Stop()
		}
		break
	}

	s.do("PUT", "/callers-of/user-preferences-api/retry-budget", `{"max_retries":0}`)
	s.do("PUT", "/callers-of/user-preferences-api/breakers", `{"state":"open"}`)
	eventually(t, "the shop works with defaults", func() bool { return get[LoadReport](s, "/load").Total.Last10s.Success > 0.9 })
	s.do("PUT", "/services/user-preferences-api/scale", `{"instances":16}`)
	s.do("PUT", "/callers-of/user-preferences-api/breakers", `{"state":"auto"}`)
	eventually(t, "the shop works with the slow service", func() bool {
		preferences := s.state(preferencesName)
		return get[LoadReport](s, "/load").Total.Last10s.Success > 0.999 && s.journey("checkout").Success == 1 &&
			float64(preferences.Recent.Requests) > usual/2 && preferences.Healthy
	})
	if !get[Fault](s, "/faults/"+f.ID).Active {
		t.Error("the fault ended before the recovery")
	}
	if a := s.ask(preferencesName, "/preferences", "test"); a.status != http.StatusOK || a.took < 400*ms {
		t.Errorf("got %+v, want user-preferences-api as slow as before", a)
	}
}

// healthyBaseline waits for ten good seconds and returns the requests that
// user-preferences-api gets in that time.
func (s *testShop) healthyBaseline() float64 {
	s.t.Helper()
	start := time.Now()
	eventually(s.t, "ten seconds of load", func() bool { return time.Since(start) > 11*time.Second })
	if total := get[LoadReport](s, "/load").Total; total.OK < 50 || total.Last10s.Success < 0.99 {
		s.t.Fatalf("healthy shop: got %+v", total)
	}
	if n := s.unhealthy(); n > 0 {
		s.t.Errorf("healthy shop: %d services are not", n)
	}
	for _, svc := range get[[]ServiceState](s, "/services") {
		if svc.Requests == 0 {
			s.t.Errorf("%s got no traffic", svc.Name)
		}
	}
	if db := s.state(databaseName).Connections; db.InUse*2 > db.Limit {
		s.t.Errorf("healthy shop: %d of %d database connections", db.InUse, db.Limit)
	}
	return float64(s.state(preferencesName).Recent.Requests)
}

func (s *testShop) journey(name string) Outcome {
	s.t.Helper()
	for _, j := range get[LoadReport](s, "/load").Journeys {
		if j.Name == name {
			return j.Last10s
		}
	}
	s.t.Fatalf("no journey %s", name)
	return Outcome{}
}

func (s *testShop) unhealthy() int {
	s.t.Helper()
	n := 0
	for _, svc := range get[[]ServiceState](s, "/services") {
		if !svc.Healthy {
			n++
		}
	}
	return n
}
