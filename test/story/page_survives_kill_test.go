package story

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Alerts pour in while the server is killed again and again: every alert that it accepted has told somebody, and nobody is
// told of one more than once for each kill. `make crash` does it 300 times.
func TestNoAcceptedAlertIsLostWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	newSiege(t, 1, "").run(kills(t, 20))
}

func TestNoAcceptedAlertIsLostWhenEitherOfTwoServersIsKilled(t *testing.T) {
	t.Parallel()
	newSiege(t, 2, storetest.Postgres(t)).run(kills(t, 20) / 2)
}

// The database is what dies: its connections are cut or hang for a while, or PostgreSQL itself is killed.
func TestNoAcceptedAlertIsLostWhenTheDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t)
	wire := startWire(t, pg.addr)
	s := newSiege(t, 2, pg.dsn(wire.addr()))
	blows := []struct {
		what string
		run  func(d time.Duration)
	}{{"connections cut", wire.cut}, {"connections hang", wire.hang}, {"PostgreSQL killed", pg.kill}}
	s.blow = func(n int) {
		b, d := blows[n%len(blows)], time.Second+rand.N(9*time.Second)
		t.Logf("%s for %s", b.what, d.Round(time.Millisecond))
		b.run(d)
	}
	s.between = 3 * time.Second
	s.run(max(kills(t, 60)/10, 3))
}

func kills(t *testing.T, usually int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("NIGHTKEEPER_KILLS"))
	if err != nil {
		return usually
	}
	return n
}

const siegeCatalog = `
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec:
  contacts: [{channel: webhook, address: %q}]
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec:
  loops: 1
  steps: [{targets: [{person: mira}]}]
`

const siegeMore = `
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: mira}
spec:
  contacts: [{channel: webhook, address: %q}]
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: tomas}
spec:
  contacts: [{channel: webhook, address: %q}]
---
apiVersion: nightkeeper/v1
kind: EscalationPolicy
metadata: {name: default}
spec:
  loops: 1
  steps:
    - targets: [{person: mira}]
    - {after: 5s, targets: [{person: tomas}]}
`

// stepAfter is when the second step is due.
const stepAfter = 5 * time.Second

// siege is servers under fire, a client that sends alerts, and a person with a webhook.
type siege struct {
	t       *testing.T
	bin     string
	dirs    []string
	addrs   []string
	dsn     string
	catalog string
	client  http.Client
	blow    func(n int)   // what happens to them instead of kill -9
	between time.Duration // two blows, at most

	mu       sync.Mutex
	received map[string]map[string]int // by person and notification: how often it came
	accepted []string                  // names of alerts that were answered with 200
	answers  map[int]int               // by status; 0: no answer
	refusals map[string]bool           // what the answers said

	seen    int64                          // the last fact that was read
	groups  map[string]string              // by name of the alert
	told    map[string][]page.Notification // by group
	steps   map[string][]time.Time         // by page: when steps were taken
	outages [][2]time.Time                 // when no server ran, or none could write
}

func newSiege(t *testing.T, servers int, dsn string) *siege {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &siege{t: t, bin: bin, dsn: dsn, catalog: t.TempDir(), client: http.Client{Timeout: 5 * time.Second}, between: 700 * time.Millisecond,
		received: map[string]map[string]int{"mira": {}, "tomas": {}}, answers: map[int]int{}, refusals: map[string]bool{}, groups: map[string]string{}, told: map[string][]page.Notification{}, steps: map[string][]time.Time{}}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.received[strings.TrimPrefix(r.URL.Path, "/")][r.Header.Get("Idempotency-Key")]++
	}))
	t.Cleanup(hook.Close)
	if err := os.WriteFile(filepath.Join(s.catalog, "people.yaml"), fmt.Appendf(nil, siegeMore, hook.URL+"/mira", hook.URL+"/tomas"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range servers {
		s.dirs, s.addrs = append(s.dirs, t.TempDir()), append(s.addrs, freeAddr(t))
	}
	return s
}

// serve starts a server and returns when it answers.
func (s *siege) serve(i int) *exec.Cmd {
	s.t.Helper()
	args := []string{"serve", "--catalog", s.catalog, "--data", s.dirs[i], "--http", s.addrs[i], "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--allow-outgoing", "127.0.0.0/8"}
	if s.dsn != "" {
		args = append(args, "--database-url", s.dsn)
	}
	cmd := exec.Command(s.bin, args...)
	log, err := os.OpenFile(filepath.Join(s.dirs[i], "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		resp, err := s.client.Get("http://" + s.addrs[i] + "/alertmanager/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return cmd
			}
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(log.Name())
			s.t.Fatalf("server %d is not ready after a minute: %v\n%s", i, err, b)
		}
		pause(20 * time.Millisecond)
	}
}

func pause(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
}

func (s *siege) token(i int) string {
	b, err := os.ReadFile(filepath.Join(s.dirs[i], "cli-token"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (s *siege) call(i int, method, path string, body []byte, into any) (int, error) {
	req, err := http.NewRequest(method, "http://"+s.addrs[i]+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token(i))
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		s.mu.Lock()
		s.refusals[string(b)] = true
		s.mu.Unlock()
	}
	if err == nil && into != nil && resp.StatusCode == http.StatusOK {
		err = json.Unmarshal(b, into)
	}
	return resp.StatusCode, err
}

// pour sends alerts until ctx ends, as a client that repeats what was not accepted.
func (s *siege) pour(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("Alarm%05d", n)
		body := fmt.Appendf(nil, `[{"labels":{"alertname":%q,"severity":"error"},"endsAt":%q}]`, name, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		for try := n; ctx.Err() == nil; try++ {
			status, err := s.call(try%len(s.addrs), http.MethodPost, "/alertmanager/api/v2/alerts", body, nil)
			s.mu.Lock()
			if err != nil {
				status = 0
			}
			s.answers[status]++
			s.mu.Unlock()
			if err == nil && status == http.StatusOK {
				s.mu.Lock()
				s.accepted = append(s.accepted, name)
				s.mu.Unlock()
				break
			}
			pause(10 * time.Millisecond)
		}
		pause(time.Duration(20+rand.IntN(60)) * time.Millisecond)
	}
}

func (s *siege) run(blows int) {
	t := s.t
	t.Helper()
	running := make([]*exec.Cmd, len(s.addrs))
	for i := range running {
		running[i] = s.serve(i)
	}
	t.Cleanup(func() {
		for _, cmd := range running {
			_ = cmd.Process.Kill()
			_, _ = cmd.Process.Wait()
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var client sync.WaitGroup
	client.Go(func() { s.pour(ctx) })
	for n := range blows {
		pause(rand.N(s.between))
		from := time.Now()
		if s.blow != nil {
			s.blow(n)
		} else {
			i := rand.IntN(len(running))
			if err := running[i].Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_, _ = running[i].Process.Wait()
			running[i] = s.serve(i)
		}
		if s.blow != nil || len(running) == 1 {
			s.outages = append(s.outages, [2]time.Time{from, time.Now()})
		}
	}
	pause(stepAfter) // what came last escalates too
	stop()
	client.Wait()
	s.check(blows)
}

// facts reads what was not read yet.
func (s *siege) facts() {
	s.t.Helper()
	for {
		var es []event.Event
		status, err := s.call(0, http.MethodGet, fmt.Sprintf("/api/v1/events?limit=1000&after=%d", s.seen), nil, &es)
		if err != nil || status != http.StatusOK {
			s.t.Fatalf("facts after %d: %d, %v", s.seen, status, err)
		}
		for _, e := range es {
			s.fact(e)
		}
		if len(es) < 1000 {
			return
		}
	}
}

func (s *siege) fact(e event.Event) {
	s.t.Helper()
	s.seen = e.Seq
	switch e.Kind {
	case detect.KindFired:
		f, err := event.Decode[detect.Fired](e)
		if err != nil {
			s.t.Fatal(err)
		}
		s.groups[f.Alert.Labels["alertname"]] = e.Group
	case page.KindNotified:
		n, err := event.Decode[page.Notified](e)
		if err != nil {
			s.t.Fatal(err)
		}
		s.told[e.Group] = append(s.told[e.Group], n.Notification)
	case page.KindEscalated:
		s.steps[e.Subject] = append(s.steps[e.Subject], e.At)
	}
}

// check waits until everything went out, and compares what was accepted with what people got.
func (s *siege) check(blows int) {
	t := s.t
	t.Helper()
	var lost []string
	for end := time.Now().Add(4 * time.Minute); ; {
		s.facts()
		lost = lost[:0]
		s.mu.Lock()
		for _, name := range s.accepted {
			got := false
			for _, n := range s.told[s.groups[name]] {
				message := n.ID
				if n.In != "" {
					message = n.In // it went out in the message of another
				}
				got = got || (n.Delivery == page.Sent && s.received[n.Person][string(message)] > 0)
			}
			if !got {
				lost = append(lost, name)
			}
		}
		s.mu.Unlock()
		if len(lost) == 0 || time.Now().After(end) {
			break
		}
		pause(2 * time.Second)
	}
	for person, got := range s.received {
		again := 0
		for _, n := range got {
			again += n - 1
		}
		t.Logf("%d blows: %s got %d messages, %d of them again", blows, person, len(got)+again, again)
		if again > blows {
			t.Errorf("%s got %d messages again, more than one for each of %d blows", person, again, blows)
		}
	}
	t.Logf("%d alerts accepted; answers: %v", len(s.accepted), s.answers)
	for status := range s.answers {
		if status != http.StatusOK && status != http.StatusServiceUnavailable && status != 0 {
			t.Errorf("an alert was answered with %d", status)
		}
	}
	if len(lost) > 0 {
		t.Errorf("%d of %d accepted alerts told nobody: %v", len(lost), len(s.accepted), lost[:min(len(lost), 10)])
	}
	if len(s.accepted) < blows {
		t.Errorf("only %d alerts were accepted under %d blows: that proves little", len(s.accepted), blows)
	}
	for i, dir := range s.dirs {
		log, err := os.ReadFile(filepath.Join(dir, "server.log"))
		if err != nil {
			t.Fatal(err)
		}
		if _, after, found := strings.Cut(string(log), "panic"); found {
			t.Errorf("server %d: panic%s", i, after[:min(len(after), 2000)])
		}
	}
	s.punctuality()
}

// punctuality says how late second steps were taken, not counting the time in which no server ran: a step that is due then
// may have to wait for more than one start. Time on this machine is shared with others, so it is a figure and no condition.
func (s *siege) punctuality() {
	var late, after []time.Duration
	for _, at := range s.steps {
		if len(at) < 2 {
			continue
		}
		due := at[0].Add(stepAfter)
		d, down := at[1].Sub(due), time.Duration(0)
		for _, o := range s.outages {
			down += max(earlier(at[1], o[1]).Sub(later(due, o[0])), 0)
		}
		late = append(late, max(d-down, 0))
		if down > 0 {
			after = append(after, max(d-down, 0))
		}
	}
	say := func(what string, ds []time.Duration) {
		if len(ds) == 0 {
			return
		}
		slices.Sort(ds)
		s.t.Logf("%d %s: median %s, p99 %s, worst %s late", len(ds), what, ds[len(ds)/2].Round(time.Millisecond),
			ds[len(ds)*99/100].Round(time.Millisecond), ds[len(ds)-1].Round(time.Millisecond))
	}
	say("escalations", late)
	say("escalations that were due while no server ran", after)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
