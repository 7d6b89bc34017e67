package heartbeat_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/intake/heartbeat"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/door"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

func TestJobsPing(t *testing.T) {
	db, err := store.Open(t.Context(), t.TempDir()+"/nk.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	s := detect.New(detect.Config{
		Store: db.Detect(), Catalog: func() *catalog.Catalog { return &catalog.Catalog{Hash: "one"} }, Log: slog.New(slog.DiscardHandler),
		Related: func(string) []string { return nil }, At: func(string) string { return "" },
	})
	if _, err := s.MakeHeartbeat(t.Context(), detect.Heartbeat{Name: "night backup", Interval: time.Hour, Grace: time.Minute, Enabled: true}, "mira", now); err != nil {
		t.Fatal(err)
	}
	who := func(_ context.Context, secret string) (door.Caller, error) {
		if secret != "nk_cron" && secret != "nk_looks" {
			return door.Caller{}, errs.New(errs.Denied, "the token is not valid")
		}
		return door.Caller{Integration: "cron", May: func(scope string) bool { return scope == door.Scope || secret == "nk_looks" }}, nil
	}
	srv := httptest.NewServer(heartbeat.New(heartbeat.Config{Door: door.New(door.Config{Who: who}), Detect: s, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}))
	defer srv.Close()
	for _, c := range []struct {
		method, path, auth string
		want               int
		says               string
	}{
		{"GET", "/heartbeat/nk_cron/night%20backup", "", 200, "expected again until 2026-11-27T04:02:00Z"},
		{"POST", "/heartbeat/nk_cron/night%20backup", "", 200, ""},
		{"HEAD", "/heartbeat/nk_cron/night%20backup", "", 200, ""},
		{"POST", "/heartbeat/night%20backup", "Bearer nk_cron", 200, ""},
		{"GET", "/heartbeat/night%20backup", "", 401, "a token with the scope intake"},
		{"GET", "/heartbeat/guess/night%20backup", "", 401, "not valid"},
		{"GET", "/heartbeat/nk_cron/other", "", 404, "with kind Heartbeat. A token that may also read is told"},
		{"GET", "/heartbeat/nk_looks/other", "", 404, "there are night backup. Another one: make it on the page /heartbeats"},
		{"GET", "/heartbeat/nk_looks/night-backup", "", 404, "did you mean night backup?"},
		{"DELETE", "/heartbeat/nk_cron/night%20backup", "", 405, ""},
	} {
		now = now.Add(time.Minute)
		req, err := http.NewRequestWithContext(t.Context(), c.method, srv.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", c.auth)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.want || !strings.Contains(string(b), c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, b)
		}
		if h, err := s.HeartbeatOf(t.Context(), "night backup"); err != nil || h.LastPing.Equal(now) != (c.want == 200) {
			t.Errorf("%s %s: last heard of at %s (%v)", c.method, c.path, h.LastPing, err)
		}
	}
}
