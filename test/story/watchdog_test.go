package story

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// Somebody outside is told as long as pages arrive, and not when they do not: then people are told directly. Here another
// program holds the database, so that nothing can be written.
func TestWatchdogTellsOutsideAndPeople(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	pings := 0
	var told []string
	outside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/ping" {
			pings++
			return
		}
		var m page.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		told = append(told, m.Title)
	}))
	defer outside.Close()
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return pings
	}
	was := func(title string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(strings.Join(told, "\n"), title)
		}
	}
	p := newProcess(t, apptest.Files{"people.yaml": fmt.Sprintf(siegeCatalog, outside.URL)})
	p.flags = []string{"--watchdog-every", "2s", "--watchdog-within", "6s", "--watchdog-ping", outside.URL + "/ping"}
	p.start()
	p.eventually("the heartbeat outside is told again and again", func() bool { return count() >= 3 })

	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.data, "nightkeeper.db")+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.eventually("people are told directly", was("Nightkeeper may not page anybody"))
	before := count()
	a := p.api.Call(http.MethodGet, "/readyz", nil)
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "watchdog: pages may not arrive since ") {
		t.Errorf("/readyz: %d %s", a.Status, a.Body)
	}
	s := apptest.Get[api.Status](p.api, "/api/v1/status")
	if s.Watchdog.LostAt.IsZero() || len(s.Watchdog.Told) != 1 || s.Watchdog.Told[0] != "mira" {
		t.Errorf("status %+v", s)
	}
	if count() != before {
		t.Error("the heartbeat outside was told while nothing could be written")
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	p.eventually("people are told that it is over", was("Nightkeeper pages people again"))
	p.eventually("the heartbeat outside is told again", func() bool { return count() > before+1 })
	p.eventually("the status is green", func() bool { return apptest.Get[api.Status](p.api, "/api/v1/status").Watchdog.LostAt.IsZero() })
	for _, e := range apptest.Get[[]event.Event](p.api, "/api/v1/events?limit=1000") {
		if e.Group != "" {
			t.Errorf("people see a fact of a round: %+v", e)
		}
	}
	p.eventually("how long it took is a metric", func() bool {
		a := p.api.Call(http.MethodGet, "/api/v1/metrics?query=nightkeeper_watchdog_round_trip_seconds_count", nil)
		return a.Status == http.StatusOK && strings.Contains(string(a.Body), "nightkeeper_watchdog_round_trip_seconds_count")
	})
}
