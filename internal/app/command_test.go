package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/app"
	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

const twoRegions = `
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: ines}
spec: {contacts: [{channel: inbox}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: dana}
spec: {contacts: [{channel: inbox}]}
---
apiVersion: nightkeeper/v1
kind: Person
metadata: {name: kenji}
spec: {contacts: [{channel: inbox}]}
---
apiVersion: nightkeeper/v1
kind: Region
metadata: {name: emea}
spec:
  timeZone: UTC
  coverage: {from: "08:00", to: "18:00"}
  serves: [eu-west-1]
  chain: [{role: commander, person: ines, timeout: 1s}, {role: deputy, person: dana}]
---
apiVersion: nightkeeper/v1
kind: Region
metadata: {name: americas}
spec:
  timeZone: UTC
  coverage: {from: "17:00", to: "02:00"}
  chain: [{role: commander, person: kenji}]
`

// In the whole program: a SEV1 calls the commander of its region, who is silent, and then the deputy, who takes command;
// before his day ends the next region is told, then called; the program stops and starts, and command passes when the
// next commander confirms. She asks what the document says, and that is counted.
func TestCommandIsHandedToTheNextRegion(t *testing.T) {
	var ahead atomic.Int64 // of the clock of this machine
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	ahead.Store(int64(time.Until(noon)))
	w := apptest.Start(t, apptest.Files{"shop.yaml": apptest.Catalog("checkout") + twoRegions}, func(o *app.Options) { o.Now = clock })
	later := func(at time.Time) { // what is written then wakes the timers
		t.Helper()
		ahead.Store(int64(time.Until(at)))
		w.API.Post("/api/v1/incidents/INC-1/notes", map[string]any{"text": "it is " + at.Format("15:04")})
	}
	dana, kenji := join(t, w, "dana"), join(t, w, "kenji")
	if got := send(t, w, "/integrations/v1/webhook/"+w.Token("intake")+"/", "", `{"title":"nobody can pay","service":"checkout","severity":"SEV1","labels":{"region":"eu-west-1"}}`); got != http.StatusOK {
		t.Fatal(got)
	}
	called := func(who string) event.Event {
		t.Helper()
		return w.API.AwaitWhere(respond.KindCalled, 0, func(e event.Event) bool { return strings.HasPrefix(e.Text, "calling "+who) })
	}
	called("ines")
	called("dana") // ines says nothing
	call := func(group string) page.Page {
		t.Helper()
		for _, p := range apptest.Get[[]page.Page](w.API, "/api/v1/pages") {
			if string(p.Group) == group {
				return p
			}
		}
		t.Fatalf("no page of %s", group)
		return page.Page{}
	}
	act := func(who *browser, path string, form url.Values) {
		t.Helper()
		if status, _ := who.submit(path, form); status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
	}
	act(dana, "/pages/"+string(call("command/INC-1").ID)+"/ack", nil)
	w.API.Await(respond.KindCommander, 0)
	later(noon.Add(5*time.Hour + 40*time.Minute))
	w.API.Await(respond.KindHandoffAnnounced, 0)
	handoff := func() respond.Handoff { return apptest.Get[respond.Handoff](w.API, "/api/v1/handoffs/HO-1") }
	if h := handoff(); h.From != "dana" || h.To != "kenji" || !h.Synchronous || !h.DueAt.Equal(noon.Add(6*time.Hour)) {
		t.Fatalf("%+v", h)
	}
	act(dana, "/handoffs/HO-1/document", url.Values{"questions": {"is it the pool?"}, "next": {"roll back"}})
	later(noon.Add(6*time.Hour + time.Second))
	w.API.Await(respond.KindHandoffDue, 0)
	w.API.AwaitWhere(page.KindOpened, 0, func(e event.Event) bool { return e.Group == "handoff/HO-1" })
	w.Stop()
	w.Boot()
	dana.base, kenji.base = w.App.URL(), w.App.URL()
	act(kenji, "/pages/"+string(call("handoff/HO-1").ID)+"/ack", nil)
	w.API.Await(respond.KindHandoffAnswered, 0)
	commander := func() string {
		return apptest.Get[respond.Incident](w.API, "/api/v1/incidents/INC-1").Commander
	}
	if got := commander(); got != "dana" {
		t.Errorf("%s has command before anybody confirmed", got)
	}
	act(kenji, "/handoffs/HO-1/accept", nil)
	if got := commander(); got != "kenji" {
		t.Errorf("%s has command", got)
	}
	act(kenji, "/handoffs/HO-1/ask", url.Values{"text": {"what is next?"}})
	act(dana, "/handoffs/HO-1/questions/1/answer", url.Values{"already": {"yes"}})
	q := apptest.Get[respond.Quality](w.API, "/api/v1/handoffs/quality")
	if q.Handoffs != 1 || q.Sync.Handoffs != 1 || q.Questions != 1 || q.Already != 1 || q.LostShare != 1 {
		t.Errorf("%+v", q)
	}
	if ws := apptest.Get[[]respond.Watch](w.API, "/api/v1/regions"); len(ws) != 2 || ws[0].Region != "americas" || !ws[0].On || ws[1].On {
		t.Errorf("%+v", ws)
	}
}

// join makes an account for a person and signs in.
func join(t *testing.T, w *apptest.World, name string) *browser {
	t.Helper()
	var inv api.Invite
	a := w.API.Call(http.MethodPost, "/api/v1/accounts", map[string]any{"name": name, "role": "responder"})
	if err := json.Unmarshal(a.Body, &inv); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	at, _ := strings.CutPrefix(inv.Link, w.App.URL())
	me := signIn(t, w.App.URL())
	const password = "quite a long password"
	for _, step := range []struct {
		path string
		form url.Values
	}{{at, url.Values{"password": {password}, "again": {password}}}, {"/login", url.Values{"name": {name}, "password": {password}}}} {
		if status, text := me.submit(step.path, step.form); status != http.StatusOK {
			t.Fatalf("%s: %d %s", step.path, status, text)
		}
	}
	return me
}
