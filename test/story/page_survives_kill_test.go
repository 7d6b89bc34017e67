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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Alerts pour in while the server is killed again and again: every alert that it accepted has told somebody, and nobody is
// told of one more than once for each kill. `make crash` does it 300 times.
func TestNoAcceptedAlertIsLostWhenTheServerIsKilled(t *testing.T) {
	newSiege(t, 1, "").run(kills(t, 20))
}

func TestNoAcceptedAlertIsLostWhenEitherOfTwoServersIsKilled(t *testing.T) {
	newSiege(t, 2, storetest.Postgres(t)).run(kills(t, 20) / 2)
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

// siege is servers under fire, a client that sends alerts, and a person with a webhook.
type siege struct {
	t       *testing.T
	bin     string
	dirs    []string
	addrs   []string
	dsn     string
	catalog string
	client  http.Client

	mu       sync.Mutex
	received map[string]int // by notification: how often mira got it
	accepted []string       // names of alerts that were answered with 200
}

func newSiege(t *testing.T, servers int, dsn string) *siege {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	s := &siege{t: t, bin: bin, dsn: dsn, catalog: t.TempDir(), received: map[string]int{}, client: http.Client{Timeout: 5 * time.Second}}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.received[r.Header.Get("Idempotency-Key")]++
	}))
	t.Cleanup(hook.Close)
	if err := os.WriteFile(filepath.Join(s.catalog, "people.yaml"), fmt.Appendf(nil, siegeCatalog, hook.URL), 0o600); err != nil {
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

func (s *siege) run(kills int) {
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
	for range kills {
		pause(time.Duration(rand.IntN(700)) * time.Millisecond)
		i := rand.IntN(len(running))
		if err := running[i].Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_, _ = running[i].Process.Wait()
		running[i] = s.serve(i)
	}
	stop()
	client.Wait()
	s.check(kills)
}

// told returns the notifications of every alert that fires, by the alert's name; nil for one without a page.
func (s *siege) told() map[string][]page.Notification {
	s.t.Helper()
	out, pages := map[string][]page.Notification{}, map[detect.GroupID]page.ID{}
	get := func(path string, into any) {
		if status, err := s.call(0, http.MethodGet, path, nil, into); err != nil || status != http.StatusOK {
			s.t.Fatalf("%s: %d, %v", path, status, err)
		}
	}
	var live []page.Page
	get("/api/v1/pages", &live)
	for _, p := range live {
		pages[p.Group] = p.ID
	}
	for before := ""; ; {
		var as []detect.Alert
		get("/api/v1/alerts?firing=true&limit=1000&before="+before, &as)
		for _, a := range as {
			var v struct {
				Notifications []page.Notification `json:"notifications"`
			}
			if id := pages[a.Group]; id != "" {
				get("/api/v1/pages/"+string(id), &v)
			}
			out[a.Labels["alertname"]] = v.Notifications
		}
		if len(as) < 1000 {
			return out
		}
		before = string(as[0].ID)
	}
}

// check waits until everything went out, and compares what was accepted with what mira got.
func (s *siege) check(kills int) {
	t := s.t
	t.Helper()
	var lost []string
	for end := time.Now().Add(4 * time.Minute); ; {
		told := s.told()
		lost = lost[:0]
		s.mu.Lock()
		for _, name := range s.accepted {
			got := false
			for _, n := range told[name] {
				message := n.ID
				if n.In != "" {
					message = n.In // it went out in the message of another
				}
				got = got || (n.Delivery == page.Sent && s.received[string(message)] > 0)
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
	again := 0
	for _, n := range s.received {
		again += n - 1
	}
	t.Logf("%d kills, %d alerts accepted, %d messages received, %d of them again", kills, len(s.accepted), len(s.received)+again, again)
	if len(lost) > 0 {
		t.Errorf("%d of %d accepted alerts told nobody: %v", len(lost), len(s.accepted), lost[:min(len(lost), 10)])
	}
	if again > kills {
		t.Errorf("%d messages came again, more than one for each of %d kills", again, kills)
	}
	if len(s.accepted) < kills {
		t.Errorf("only %d alerts were accepted in %d lives: that proves little", len(s.accepted), kills)
	}
}
