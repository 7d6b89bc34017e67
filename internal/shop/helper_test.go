package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// patience is the deadline of every condition: generous, because a busy machine
// must not fail a test, and a shop that works meets them long before.
const patience = 90 * time.Second

// open starts a shop for a test and stops it at the end.
func open(t *testing.T, options Options) *testShop {
	t.Helper()
	options.AdminAddr = "127.0.0.1:0"
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &testShop{t, s}
}

// quiet starts a shop without load and without telemetry.
func quiet(t *testing.T) *testShop {
	t.Helper()
	return open(t, Options{Journeys: -1})
}

// testShop speaks to a shop the way others do: over HTTP.
type testShop struct {
	t *testing.T
	*Shop
}

// admin sends a request to the admin API.
func (s *testShop) admin(method, path, body string, header ...string) (status int, answer []byte, replay bool) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.Addr()+path, bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, answer, response.Header.Get("Idempotent-Replay") != ""
}

// do is admin for requests that have to succeed.
func (s *testShop) do(method, path, body string) []byte {
	s.t.Helper()
	status, answer, _ := s.admin(method, path, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: got %d %s", method, path, status, answer)
	}
	return answer
}

// get reads something from the admin API.
func get[T any](s *testShop, path string) T {
	s.t.Helper()
	var v T
	parse(s, s.do("GET", path, ""), &v)
	return v
}

func parse(s *testShop, data []byte, into any) {
	s.t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		s.t.Fatalf("%v in %s", err, data)
	}
}

// fault starts a fault and returns it.
func (s *testShop) fault(body string) Fault {
	s.t.Helper()
	var f Fault
	parse(s, s.do("POST", "/faults", body), &f)
	return f
}

func (s *testShop) state(name string) ServiceState {
	s.t.Helper()
	return get[ServiceState](s, "/services/"+name)
}

// answer is what a service said.
type answer struct {
	status   int // zero when it did not answer
	body     string
	defaults string
	took     time.Duration
}

// ask sends a request to a service itself, as if the caller sent it.
func (s *testShop) ask(name, path, caller string) answer {
	s.t.Helper()
	return s.askWithin(name, path, caller, 20*time.Second)
}

func (s *testShop) askWithin(name, path, caller string, wait time.Duration) answer {
	s.t.Helper()
	svc := s.directory[name]
	ctx, cancel := context.WithTimeout(s.t.Context(), wait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, svc.routes[path].Method, "http://"+*svc.address.Load()+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("User-Agent", caller+"/1")
	start := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return answer{took: time.Since(start)}
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(body), response.Header.Get("X-Defaults-Used"), time.Since(start)}
}

// eventually waits for a condition of the running shop, which nothing signals.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("after %s still not: %s", patience, what)
		}
	}
}

func (f Fault) endedBy(reason string) bool { return !f.Active && f.EndedBy == reason }
