package story

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
)

// target is what a runbook acts on: it does each action once for each key, as a receiver should.
type target struct {
	mu   sync.Mutex
	keys map[string]map[string]int // action -> key -> how often it arrived
}

func (x *target) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.keys[r.URL.Path] == nil {
		x.keys[r.URL.Path] = map[string]int{}
	}
	x.keys[r.URL.Path][r.Header.Get("Idempotency-Key")]++
}

// The program is killed again and again while a runbook is at work: the run comes to the same end, each of its actions
// has one effect, and the page is not lost.
func TestRunbookSurvivesKill(t *testing.T) {
	t.Parallel()
	const steps = 12
	x := &target{keys: map[string]map[string]int{}}
	srv := httptest.NewServer(x)
	defer srv.Close()
	script := fmt.Sprintf("for i in range(%d):\n    must(http.post(\"%s/step/%%d\" %% i, body = {\"n\": i}))\n    wait(\"150ms\")\nresolve(\"all steps done\")\n", steps, srv.URL)
	p := newProcess(t, apptest.Files{
		"shop.yaml": apptest.Catalog("checkout"),
		"book.md":   "---\nowner: shop\nreviewed: 2026-10-01\nrisk: low\n---\n# Book\n\n```starlark\ndef main():\n" + indent(script) + "\nmain()\n```\n",
	})
	p.start()
	p.outage("checkout")
	opened := p.api.Await(page.KindOpened, 0)
	p.api.Await("respond.opened", 0)
	p.api.Post("/api/v1/runs", map[string]any{"incident": "INC-1", "runbook": "book"})

	run := func() remediate.Run {
		rs := apptest.Get[[]remediate.Run](p.api, "/api/v1/runs?incident=INC-1")
		if len(rs) != 1 {
			t.Fatalf("%d runs", len(rs))
		}
		return rs[0]
	}
	kills := 0
	for r := run(); !r.State.Over() && kills < 8; r = run() {
		// A moment chosen by chance: some steps later, whatever is under way then.
		seen, more := arrived(x), rand.IntN(3)
		p.eventually("the run goes on", func() bool { return arrived(x) > seen+more || run().State.Over() })
		p.kill()
		kills++
		p.start()
	}
	p.eventually("the run ends", func() bool { return run().State.Over() })
	if r := run(); r.State != remediate.Succeeded || r.Reason != "all steps done" {
		t.Errorf("after %d kills the run is %s because %q", kills, r.State, r.Reason)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.keys) != steps {
		t.Errorf("%d different actions arrived, want %d", len(x.keys), steps)
	}
	for action, keys := range x.keys {
		if len(keys) != 1 || keys[""] > 0 {
			t.Errorf("%s arrived with the keys %v: a receiver would do it %d times", action, keys, len(keys))
		}
	}
	if kills < 2 {
		t.Errorf("the run was over after %d kills", kills)
	}
	ps := apptest.Get[[]page.Page](p.api, "/api/v1/pages")
	if len(ps) != 1 || string(ps[0].ID) != opened.Subject {
		t.Errorf("pages %+v", ps)
	}
	finished := 0
	for _, e := range apptest.Get[[]event.Event](p.api, "/api/v1/events?limit=1000") {
		if e.Kind == remediate.KindFinished {
			finished++
		}
	}
	if finished != 1 {
		t.Errorf("the run ended %d times", finished)
	}
}

func arrived(x *target) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.keys)
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
