package shop

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSlowServiceMakesCallersTimeOut(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	f := s.fault(`{"kind":"slow","service":"shipping-api","latency":"2s"}`)
	if a := s.ask("shipping-api", "/rates", "test"); a.status != 200 || a.took < 1500*ms {
		t.Errorf("got %+v, want a slow 200", a)
	}
	// partner-api has 1.5 s of patience and tries twice.
	if a := s.ask("partner-api", "/feed", "test"); a.status != http.StatusGatewayTimeout || !strings.Contains(a.body, "connection timeout calling shipping-api after 1.5s") {
		t.Errorf("got %+v, want a timeout", a)
	}
	if got := s.state("partner-api").dependency("shipping-api").Retries; got != 1 {
		t.Errorf("got %d retries, want 1", got)
	}
	s.do("DELETE", "/faults/"+f.ID, "")
	if a := s.ask("partner-api", "/feed", "test"); a.status != 200 {
		t.Errorf("after the fault: got %+v", a)
	}
}

func TestSlowAddsToTheServicesOwnTime(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"slow","service":"media-api","add":"700ms"}`)
	if a := s.ask("media-api", "/images", "test"); a.took < 590*ms {
		t.Errorf("got an answer after %s, want at least 590ms", a.took)
	}
}

func TestSlowServiceFillsItsQueue(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"slow","service":"suggest-api","latency":"20s"}`)
	const callers = 80 // two workers and a queue of 64
	results := make(chan answer, callers)
	for range callers {
		go func() { results <- s.ask("suggest-api", "/suggestions", "test") }()
	}
	kinds := map[string]int{}
	for range callers - 2 { // those with a worker take their time
		a := <-results
		for _, kind := range []string{"queue full", "queue timeout"} {
			if a.status == http.StatusServiceUnavailable && strings.Contains(a.body, kind) {
				kinds[kind]++
			}
		}
	}
	if kinds["queue full"] != callers-66 || kinds["queue timeout"] != 64 {
		t.Errorf("got %v, want %d queue full and 64 queue timeout", kinds, callers-66)
	}
}

func TestFaultCanHitTheCallsOfOneCaller(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"errors","service":"tax-api","from":"invoice-api","status":503}`)
	if a := s.ask("tax-api", "/tax", "invoice-api"); a.status != 503 {
		t.Errorf("the caller: got %+v, want 503", a)
	}
	if a := s.ask("tax-api", "/tax", "pricing-api"); a.status != 200 {
		t.Errorf("another caller: got %+v, want 200", a)
	}
	if a := s.ask("invoice-api", "/invoices", "test"); a.status != http.StatusBadGateway || !strings.Contains(a.body, "tax-api answered 503") {
		t.Errorf("through the caller: got %+v, want 502", a)
	}
}

func TestErrorsHitTheirShare(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"errors","service":"content-api","share":0.5}`)
	failed := 0
	for range 100 {
		if s.ask("content-api", "/pages", "test").status == 500 {
			failed++
		}
	}
	if failed < 20 || failed > 80 {
		t.Errorf("got %d errors of 100, want about 50", failed)
	}
	if s.state("content-api").Healthy {
		t.Error("a service with half its answers errors is called healthy")
	}
}

func TestCrashRefusesConnectionsUntilItEnds(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	before := s.state("ledger-api")
	f := s.fault(`{"kind":"crash","service":"ledger-api"}`)
	if a := s.ask("payment-api", "/payments", "test"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "connection refused by ledger-api") {
		t.Errorf("got %+v, want connection refused", a)
	}
	if st := s.state("ledger-api"); st.Up || st.Healthy {
		t.Errorf("got %+v, want down", st)
	}
	s.do("DELETE", "/faults/"+f.ID, "")
	if a := s.ask("payment-api", "/payments", "test"); a.status != 200 {
		t.Errorf("after the fault: got %+v", a)
	}
	if after := s.state("ledger-api"); after.InstanceID == before.InstanceID || !after.StartedAt.After(before.StartedAt) {
		t.Errorf("got %s, want another instance than %s", after.InstanceID, before.InstanceID)
	}
}

func TestCrashCutsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"slow","service":"media-api","latency":"30s"}`)
	cut := make(chan answer, 1)
	go func() { cut <- s.ask("media-api", "/images", "test") }()
	eventually(t, "the request is being worked on", func() bool { return s.state("media-api").Workers.InUse == 1 })
	s.fault(`{"kind":"crash","service":"media-api"}`)
	if a := <-cut; a.status != 0 {
		t.Errorf("got %+v, want no answer", a)
	}
}

func TestOptionalDependencyCostsOnlyQuality(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"crash","service":"review-api"}`)
	if a := s.ask("partner-api", "/feed", "test"); a.status != 200 || a.defaults != "review-api" {
		t.Errorf("got %+v, want 200 with defaults for review-api", a)
	}
}

func TestHangNeverAnswersUntilRestart(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	f := s.fault(`{"kind":"hang","service":"address-api"}`)
	if a := s.askWithin("address-api", "/addresses", "test", time.Second); a.status != 0 {
		t.Errorf("got %+v, want no answer", a)
	}
	if a := s.ask("user-profile-api", "/profile", "test"); a.status != http.StatusGatewayTimeout {
		t.Errorf("its caller: got %+v, want 504", a)
	}
	s.do("POST", "/services/address-api/restart", "")
	if a := s.ask("address-api", "/addresses", "test"); a.status != 200 {
		t.Errorf("after the restart: got %+v", a)
	}
	if got := get[Fault](s, "/faults/"+f.ID); !got.endedBy("restart") {
		t.Errorf("got %+v, want ended by restart", got)
	}
}

func TestSmallPoolIsExhaustedUntilItIsRaised(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"small_pool","service":"pricing-api","dependency":"tax-api","size":1}`)
	s.fault(`{"kind":"slow","service":"tax-api","latency":"1200ms"}`)
	exhausted := func() (n int) {
		results := make(chan answer, 6)
		for range 6 {
			go func() { results <- s.ask("pricing-api", "/prices", "test") }()
		}
		for range 6 {
			if a := <-results; strings.Contains(a.body, "connection pool exhausted waiting for tax-api") {
				n++
			}
		}
		return n
	}
	if exhausted() == 0 {
		t.Error("a pool of one was enough for six")
	}
	if got := s.state("pricing-api").dependency("tax-api").Pool; got.Size != 1 || got.Configured != 16 {
		t.Errorf("got %+v, want size 1", got)
	}
	s.do("PUT", "/services/pricing-api/pools/tax-api", `{"size":20}`)
	if n := exhausted(); n != 0 {
		t.Errorf("with a pool of 20: %d of 6 still found it exhausted", n)
	}
	s.do("DELETE", "/faults", "")
	s.do("DELETE", "/services/pricing-api/overrides", "")
	if got := s.state("pricing-api").dependency("tax-api").Pool.Size; got != 16 {
		t.Errorf("afterwards: got size %d, want 16", got)
	}
}

func TestBadVersionPanicsUntilRollback(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	good := s.state("search-api").Version
	f := s.fault(`{"kind":"bad_version","service":"search-api","version":"8.2.0","share":1}`)
	if a := s.ask("search-api", "/search", "test"); a.status != 500 || !strings.Contains(a.body, "panic serving GET /search") {
		t.Errorf("got %+v, want a panic", a)
	}
	if got := s.state("search-api").Version; got != "8.2.0" {
		t.Errorf("got version %s, want 8.2.0", got)
	}
	s.do("POST", "/services/search-api/rollback", "")
	if got := s.state("search-api").Version; got != good {
		t.Errorf("after rollback: got version %s, want %s", got, good)
	}
	if a := s.ask("search-api", "/search", "test"); a.status != 200 {
		t.Errorf("after rollback: got %+v", a)
	}
	if got := get[Fault](s, "/faults/"+f.ID); !got.endedBy("rollback") {
		t.Errorf("got %+v, want ended by rollback", got)
	}
	s.fault(`{"kind":"bad_version","service":"search-api"}`)
	if got := s.state("search-api").Version; got != "8.2.0" {
		t.Errorf("made-up version: got %s, want 8.2.0", got)
	}
	s.do("DELETE", "/faults", "")
	if got := s.state("search-api").Version; got != good {
		t.Errorf("after the fault: got version %s, want %s", got, good)
	}
}

func TestCorruptDataFailsItsChecksum(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"corrupt_data","service":"inventory-api"}`)
	a := s.ask("inventory-api", "/reservations", "test")
	if a.status != 500 || !strings.Contains(a.body, "checksum mismatch reading row") {
		t.Errorf("got %+v, want a checksum mismatch", a)
	}
}

func TestSurgeMultipliesTraffic(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	f := s.fault(`{"kind":"surge","service":"feature-flag-api","factor":40}`)
	eventually(t, "the extra requests arrive", func() bool { return s.state("feature-flag-api").Requests > 40 })
	s.do("DELETE", "/faults/"+f.ID, "")
	report := get[LoadReport](s, "/load")
	if last := report.Journeys[len(report.Journeys)-1]; last.Name != "surge feature-flag-api" || last.OK == 0 || report.Total.OK != 0 {
		t.Errorf("got %+v, want the surge listed but not in the total", last)
	}
	eventually(t, "the surge is over", func() bool { return s.state("feature-flag-api").Recent.Requests == 0 })
}

func TestDatabaseRefusesConnectionsOverItsLimit(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.directory[databaseName].conns.limit.Store(1)
	s.fault(`{"kind":"slow","service":"shop-db","latency":"1s"}`)
	held := make(chan answer, 1)
	go func() { held <- s.ask("coupon-api", "/coupons", "test") }()
	eventually(t, "the connection is open", func() bool { return s.state(databaseName).Connections.InUse == 1 })
	if a := s.ask("ledger-api", "/entries", "test"); a.status != 503 || !strings.Contains(a.body, "shop-db: too many connections") {
		t.Errorf("got %+v, want too many connections", a)
	}
	if a := <-held; a.status != 200 {
		t.Errorf("the first one: got %+v, want 200", a)
	}
	eventually(t, "the idle connection is closed", func() bool { return s.state(databaseName).Connections.InUse == 0 })
}

func TestFaultEndsByDeleteLeaseAndDuration(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	start := func(service, how string) Fault {
		return s.fault(fmt.Sprintf(`{"kind":"crash","service":%q%s}`, service, how))
	}
	deleted, leased := start("media-api", ""), start("tax-api", `,"lease":"50ms"`)
	timed, renewed := start("audit-api", `,"lease":"1h","duration":"50ms"`), start("login-api", `,"lease":"1h"`)
	s.do("DELETE", "/faults/"+deleted.ID, "")
	s.do("DELETE", "/faults/"+deleted.ID, "")
	for id, reason := range map[string]string{deleted.ID: "delete", leased.ID: "lease", timed.ID: "duration"} {
		eventually(t, id+" is ended by "+reason, func() bool { return get[Fault](s, "/faults/"+id).endedBy(reason) })
	}
	for _, name := range []string{"media-api", "tax-api", "audit-api"} {
		if !s.state(name).Up {
			t.Errorf("%s did not come back", name)
		}
	}
	var f Fault
	parse(s, s.do("PUT", "/faults/"+renewed.ID, `{"lease":"2h"}`), &f)
	if !f.Active || f.Expires.Sub(renewed.Expires) < 50*time.Minute {
		t.Errorf("got %+v, want a longer lease", f)
	}
	s.do("PUT", "/faults/"+renewed.ID, `{"lease":"1ms"}`)
	eventually(t, "the shorter lease is over", func() bool { return s.state("login-api").Up })
	if status, body, _ := s.admin("PUT", "/faults/"+renewed.ID, `{"lease":"1h"}`); status != http.StatusConflict {
		t.Errorf("renewing what has ended: got %d %s, want 409", status, body)
	}
	if got := len(get[[]Fault](s, "/faults")); got != 4 {
		t.Errorf("got %d faults, want all 4 remembered", got)
	}
}

func TestSeveralFaultsAtOnce(t *testing.T) {
	t.Parallel()
	s := quiet(t)
	s.fault(`{"kind":"slow","service":"tax-api","add":"300ms"}`)
	s.fault(`{"kind":"errors","service":"tax-api"}`)
	first, second := s.fault(`{"kind":"crash","service":"media-api"}`), s.fault(`{"kind":"crash","service":"media-api"}`)
	if a := s.ask("tax-api", "/tax", "test"); a.status != 500 || a.took < 250*ms {
		t.Errorf("got %+v, want a slow 500", a)
	}
	s.do("DELETE", "/faults/"+first.ID, "")
	if s.state("media-api").Up {
		t.Error("up although a second crash is active")
	}
	s.do("DELETE", "/faults/"+second.ID, "")
	if !s.state("media-api").Up {
		t.Error("down although no crash is active")
	}
}

// dependency returns the state of the calls to one other service.
func (v ServiceState) dependency(name string) DependencyState {
	for _, d := range v.Dependencies {
		if d.Name == name {
			return d
		}
	}
	return DependencyState{}
}
