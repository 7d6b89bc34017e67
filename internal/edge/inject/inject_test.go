package inject

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

// TestMain lets the test binary be a helper, and a program that injects a fault and is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "fault-holder":
			os.Exit(Main())
		case "parent": // target, ledger
			h, err := New(Config{Dir: os.Args[3], Allow: loopback})
			if err == nil {
				_, err = h.Start(context.Background(), latency(os.Args[2]))
			}
			fmt.Println("started", err)
			select {}
		}
	}
	os.Exit(m.Run())
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// latency is a fault as the demo's services take it, with a lease short enough for a test.
func latency(target string) Fault {
	return Fault{
		Inject: Call{URL: target + "/faults", Body: map[string]any{"service": "checkout", "kind": "latency", "latency": "300ms", "lease": "10s"}},
		Renew:  Call{URL: target + "/faults/{id}", Body: map[string]any{"lease": "10s"}},
		Revert: Call{URL: target + "/faults/{id}"},
		Probe:  Call{URL: target + "/faults/{id}"},
		Lease:  time.Second, Deadline: time.Minute,
	}
}

// target is a fault API. Its hooks say how it misbehaves.
type target struct {
	*httptest.Server
	mu     sync.Mutex
	faults map[string]bool
	log    []string
	seen   chan struct{} // pulsed at each call

	ownID    string
	post     func(id string)
	remove   func(n int) int // status for the n-th DELETE; 0 is to do it
	lies     bool            // says that it deleted and does not
	hangUp   bool            // makes the fault and gives no answer
	deletes  int
	hangPost chan struct{}
}

func newTarget(t *testing.T) *target {
	t.Helper()
	x := &target{faults: map[string]bool{}, seen: make(chan struct{}, 1)}
	x.Server = httptest.NewServer(x)
	t.Cleanup(x.Close)
	return x
}

func (x *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	defer func() {
		select {
		case x.seen <- struct{}{}:
		default:
		}
	}()
	id := strings.TrimPrefix(r.URL.Path, "/faults/")
	x.log = append(x.log, r.Method+" "+id)
	switch r.Method {
	case http.MethodPost:
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		id, _ = body["id"].(string)
		if x.ownID != "" {
			id = x.ownID
		}
		if x.post != nil {
			x.post(id)
		}
		x.faults[id] = true
		if x.hangUp {
			panic(http.ErrAbortHandler)
		}
		if x.hangPost != nil {
			x.seen <- struct{}{}
			<-x.hangPost
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id})
	case http.MethodDelete:
		x.deletes++
		if x.remove != nil {
			if status := x.remove(x.deletes); status != 0 {
				w.WriteHeader(status)
				return
			}
		}
		if !x.lies {
			delete(x.faults, id)
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		if !x.faults[id] {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "active": true})
	}
}

// until waits for a state of the target, looking after each call that it gets.
func (x *target) until(t *testing.T, what string, f func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		x.mu.Lock()
		ok := f()
		log := strings.Join(x.log, ", ")
		x.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-x.seen:
		case <-limit:
			t.Fatalf("waited in vain for: %s; the target got %s", what, log)
		}
	}
}

func (x *target) count(method string) int {
	n := 0
	for _, l := range x.log {
		if strings.HasPrefix(l, method) {
			n++
		}
	}
	return n
}

func (x *target) gone() bool { return len(x.faults) == 0 && x.count("DELETE") > 0 }

func holder(t *testing.T, c Config) *Holder {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Allow == nil {
		c.Allow = loopback
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func start(t *testing.T, h *Holder, f Fault) *Held {
	t.Helper()
	x, err := h.Start(t.Context(), f)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return x
}

func inLedger(t *testing.T, h *Holder) []string {
	t.Helper()
	ids, err := h.reverter.ledger.list()
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestFaultIsHeldRenewedAndEnded(t *testing.T) {
	target := newTarget(t)
	h := holder(t, Config{})
	target.post = func(id string) { // the ledger comes first
		if e, err := h.reverter.ledger.read(id); err != nil || e.State != "intent" {
			t.Errorf("got the entry %+v, %v before the fault", e, err)
		}
	}
	x := start(t, h, latency(target.URL))
	target.until(t, "three renewals", func() bool { return target.count("PUT "+x.ID) >= 3 })
	if e, err := h.reverter.ledger.read(x.ID); err != nil || e.State != "active" {
		t.Errorf("got the entry %+v, %v", e, err)
	}
	for range 2 {
		if err := x.End(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r, err := x.Wait(t.Context())
	if err != nil || r.Why != Ended || r.Tries != 1 || len(inLedger(t, h)) != 0 || !target.gone() {
		t.Errorf("got %+v, %v, ledger %v, target %v", r, err, inLedger(t, h), target.faults)
	}
	if last := target.log[len(target.log)-1]; last != "GET "+x.ID {
		t.Errorf("got %s last, want a probe", last)
	}
}

// TestFaultEndsWithItsParent kills the whole process group of a program that has injected a fault.
func TestFaultEndsWithItsParent(t *testing.T) {
	for range 5 {
		target := newTarget(t)
		dir := t.TempDir()
		parent := startParent(t, target, dir)
		killed := time.Now()
		if err := syscall.Kill(-parent.Process.Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		target.until(t, "the fault to be gone", target.gone)
		t.Logf("reverted %v after SIGKILL", time.Since(killed))
		_ = parent.Wait()
		emptied(t, dir)
	}
}

// TestFaultEndsWhenItsParentHangs stops a parent without ending it.
func TestFaultEndsWhenItsParentHangs(t *testing.T) {
	target := newTarget(t)
	dir := t.TempDir()
	parent := startParent(t, target, dir)
	if err := parent.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	target.until(t, "the fault to be gone", target.gone)
	emptied(t, dir)
	_ = parent.Process.Kill()
	_ = parent.Wait()
}

func startParent(t *testing.T, target *target, dir string) *exec.Cmd {
	t.Helper()
	parent := exec.Command("/proc/self/exe", "parent", target.URL, dir)
	parent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 200)
	n, _ := out.Read(b)
	if got := string(b[:n]); got != "started <nil>\n" {
		t.Fatalf("got %q", got)
	}
	return parent
}

// emptied waits until a helper that is not ours has emptied the ledger.
func emptied(t *testing.T, dir string) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); runtime.Gosched() {
		if ids, _ := (ledger{dir}).list(); len(ids) == 0 {
			return
		}
	}
	t.Fatal("the ledger still has the fault")
}

func TestFaultEndsAtItsDeadline(t *testing.T) {
	target := newTarget(t)
	h := holder(t, Config{})
	f := latency(target.URL)
	f.Deadline = 200 * time.Millisecond
	x := start(t, h, f)
	if r, err := x.Wait(t.Context()); err != nil || r.Why != DeadlinePassed || !target.gone() {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestFaultThatTheTargetLostIsOver(t *testing.T) {
	target := newTarget(t)
	x := start(t, holder(t, Config{}), latency(target.URL))
	target.mu.Lock()
	clear(target.faults)
	target.mu.Unlock()
	if r, err := x.Wait(t.Context()); err != nil || r.Why != TargetLostIt {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestFaultOfAKilledHelperIsRevertedByItsParent(t *testing.T) {
	target := newTarget(t)
	h := holder(t, Config{})
	x := start(t, h, latency(target.URL))
	if err := x.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if r, err := x.Wait(t.Context()); err != nil || r.Why != HelperGone || !target.gone() || len(inLedger(t, h)) != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestHelperThatIsAskedToGoReverts(t *testing.T) {
	target := newTarget(t)
	x := start(t, holder(t, Config{}), latency(target.URL))
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if r, err := x.Wait(t.Context()); err != nil || r.Why != Signalled || !target.gone() {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestRefusedRevertIsTriedAgain(t *testing.T) {
	target := newTarget(t)
	target.remove = func(n int) int {
		if n < 3 {
			return http.StatusInternalServerError
		}
		return 0
	}
	x := start(t, holder(t, Config{}), latency(target.URL))
	if err := x.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, _ := x.Wait(t.Context()); r.Tries != 3 {
		t.Errorf("got %+v", r)
	}
}

func TestFaultThatStaysIsReportedAndSweptLater(t *testing.T) {
	f := func(want string, misbehave, behave func(*target)) {
		t.Helper()
		target := newTarget(t)
		misbehave(target)
		dir := t.TempDir()
		h := holder(t, Config{Dir: dir, RevertFor: 300 * time.Millisecond})
		x := start(t, h, latency(target.URL))
		err := x.End(t.Context())
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "is not known to be gone") {
			t.Errorf("got %v, want %s", err, want)
		}
		if e, err := h.reverter.ledger.read(x.ID); err != nil || e.State != "failed" || !strings.Contains(e.Error, want) {
			t.Errorf("got the entry %+v, %v", e, err)
		}
		again := holder(t, Config{Dir: dir, RevertFor: 300 * time.Millisecond})
		if swept, err := again.Sweep(t.Context()); len(swept) != 1 || err == nil || len(inLedger(t, again)) != 1 {
			t.Errorf("got %+v, %v; want it to fail again and stay", swept, err)
		}
		target.mu.Lock()
		behave(target)
		target.mu.Unlock()
		if swept, err := again.Sweep(t.Context()); err != nil || len(swept) != 1 || swept[0].Why != Swept || len(inLedger(t, again)) != 0 || !target.gone() {
			t.Errorf("got %+v, %v", swept, err)
		}
	}
	f("the target answered 503", func(x *target) { x.remove = func(int) int { return http.StatusServiceUnavailable } }, func(x *target) { x.remove = nil })
	f("the fault is still there", func(x *target) { x.lies = true }, func(x *target) { x.lies = false })
}

func TestLostAnswerIsRevertedByOurOwnID(t *testing.T) {
	target := newTarget(t)
	target.hangUp = true
	h := holder(t, Config{})
	_, err := h.Start(t.Context(), latency(target.URL))
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "the fault was not injected") || !target.gone() || len(inLedger(t, h)) != 0 {
		t.Errorf("got %v, target %v, ledger %v", err, target.faults, inLedger(t, h))
	}
}

func TestTargetMayChooseTheID(t *testing.T) {
	target := newTarget(t)
	target.ownID = "t/1"
	x := start(t, holder(t, Config{}), latency(target.URL))
	if x.TargetID != "t/1" {
		t.Errorf("got %q", x.TargetID)
	}
	if err := x.End(t.Context()); err != nil || !target.gone() {
		t.Errorf("got %v, target %v", err, target.faults)
	}
}

func TestStartThatIsCancelledTakesTheFaultBack(t *testing.T) {
	target := newTarget(t)
	target.hangPost = make(chan struct{})
	h := holder(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-target.seen
		cancel()
		close(target.hangPost)
	}()
	if x, err := h.Start(ctx, latency(target.URL)); err == nil {
		// The answer was quicker than the cancel.
		if err := x.End(t.Context()); err != nil {
			t.Error(err)
		}
	}
	target.until(t, "the fault to be gone", target.gone)
	if err := h.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	emptied(t, h.config.Dir)
}

func TestNothingIsInjectedWhereItIsNotAllowed(t *testing.T) {
	target := newTarget(t)
	h := holder(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	_, err := h.Start(t.Context(), latency(target.URL))
	if err == nil || !strings.Contains(err.Error(), "faults may not be injected at 127.0.0.1") || len(target.log) != 0 || len(inLedger(t, h)) != 0 {
		t.Errorf("got %v", err)
	}
	_, err = holder(t, Config{}).Start(t.Context(), latency("http://127.0.0.1:1"))
	if err == nil || !strings.Contains(err.Error(), "not injected") {
		t.Errorf("got %v", err)
	}
}

func TestStopEndsAllFaults(t *testing.T) {
	target := newTarget(t)
	h := holder(t, Config{})
	for range 3 {
		start(t, h, latency(target.URL))
	}
	if err := h.Stop(t.Context()); err != nil || !target.gone() || len(inLedger(t, h)) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestSweepLeavesWhatIsHeldAndKeepsWhatItCannotRead(t *testing.T) {
	target := newTarget(t)
	h := holder(t, Config{RevertFor: 200 * time.Millisecond})
	x := start(t, h, latency(target.URL))
	old, _ := latency(target.URL).check()
	old.ID = "old"
	target.mu.Lock()
	target.faults["old"] = true
	target.mu.Unlock()
	if err := h.reverter.ledger.write(entry{Fault: old, State: "intent"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.config.Dir, "torn"+suffix), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	swept, err := h.Sweep(t.Context())
	if len(swept) != 2 || swept[0] != (Reverted{ID: "old", Why: Swept, Tries: 1}) || err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %+v, %v", swept, err)
	}
	if got := fmt.Sprint(inLedger(t, h)); got != fmt.Sprint([]string{x.ID, "torn"}) {
		t.Errorf("got the ledger %s", got)
	}
	if err := x.End(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFaultsThatCannotBeHeld(t *testing.T) {
	f := func(change func(*Fault)) {
		t.Helper()
		fault := latency("http://127.0.0.1:1")
		change(&fault)
		if _, err := holder(t, Config{}).Start(t.Context(), fault); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v", err)
		}
	}
	f(func(f *Fault) { f.Lease = 0 })
	f(func(f *Fault) { f.Deadline = 0 })
	f(func(f *Fault) { f.Deadline = 25 * time.Hour })
	f(func(f *Fault) { f.ID = "../../etc/passwd" })
	f(func(f *Fault) { f.Inject.Body = map[string]any{"id": "a/b"} })
	f(func(f *Fault) { f.Probe.URL = "" })
	f(func(f *Fault) { f.Revert.URL = "file:///x" })
	f(func(f *Fault) { f.Inject.Body = map[string]any{"x": make(chan int)} })
	if _, err := New(Config{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("got %v, want a directory to be asked for", err)
	}
}

func TestAnswersThatMeanGone(t *testing.T) {
	f := func(expect []Expect, status int, body string, want bool) {
		t.Helper()
		fault := latency("http://127.0.0.1:1")
		fault.Probe.Expect = expect
		fault, err := fault.check()
		if err != nil {
			t.Fatal(err)
		}
		a := answer{status: status}
		_ = json.Unmarshal([]byte(body), &a.fields)
		if got := fault.Probe.fits(a); got != want {
			t.Errorf("%d %s: got %t", status, body, got)
		}
	}
	f(nil, 404, "", true)
	f(nil, 200, `{"active":false}`, true)
	f(nil, 200, `{"active":true}`, false)
	f(nil, 200, `{}`, false)
	f(nil, 200, `all is well`, false)
	f(nil, 500, `{"active":false}`, false)
	f([]Expect{{Field: "count", Equals: 0}}, 200, `{"count":0}`, true)
	f([]Expect{{Field: "count", Equals: 0}}, 200, `{"count":1}`, false)
	f([]Expect{{Field: "fault"}}, 200, `{"fault":null}`, true)
	f([]Expect{{Field: "fault", Equals: map[string]any{"a": 1}}}, 200, `{"fault":{"a":1}}`, true)
	f([]Expect{{Status: 410}}, 410, ``, true)
}
