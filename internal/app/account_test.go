package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nightkeeper/internal/app/apptest"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
)

// In the whole program: an account is made by the API, its person sets the password on the page and acknowledges under
// their own name, and is out as soon as the account is disabled.
func TestPersonWithAnAccountAcknowledges(t *testing.T) {
	w := start(t)
	var inv api.Invite
	a := w.API.Call(http.MethodPost, "/api/v1/accounts", map[string]any{"name": "mira", "role": "responder"})
	if err := json.Unmarshal(a.Body, &inv); err != nil || a.Status != http.StatusOK || !inv.Account.Person || inv.Account.Password {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	at, secret := strings.CutPrefix(inv.Link, w.App.URL())
	if !secret {
		t.Fatalf("link %s", inv.Link)
	}
	me := signIn(t, w.App.URL())
	if text := me.look(at); !strings.Contains(text, "Welcome, mira") {
		t.Errorf("the page of the link: %s", text)
	}
	const password = "quite a long password"
	if status, text := me.submit(at, url.Values{"password": {password}, "again": {"another"}}); status != http.StatusUnprocessableEntity || !strings.Contains(text, "not the same") {
		t.Errorf("two passwords: %d", status)
	}
	if status, _ := me.submit(at, url.Values{"password": {"short"}, "again": {"short"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("a short password: %d", status)
	}
	set := url.Values{"password": {password}, "again": {password}}
	if status, text := me.submit(at, set); status != http.StatusOK || !strings.Contains(text, "Sign in") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := me.submit(at, set); status != http.StatusNotFound {
		t.Errorf("the link again: %d", status)
	}
	if status, _ := me.submit("/login", url.Values{"name": {"mira"}, "password": {password}}); status != http.StatusOK {
		t.Fatalf("sign in: %d", status)
	}
	w.Outage("checkout")
	opened := w.API.Await(page.KindOpened, 0)
	if status, text := me.submit("/pages/"+opened.Subject+"/ack", nil); status != http.StatusOK {
		t.Fatalf("acknowledge: %d %s", status, text)
	}
	if e := w.API.Await(page.KindAcked, 0); e.Actor != "mira" {
		t.Errorf("acknowledged by %s", e.Actor)
	}
	w.API.Post("/api/v1/accounts/mira/disable", nil)
	if text := me.look("/"); !strings.Contains(text, "Sign in") {
		t.Error("a disabled account still sees the pages")
	}
	var facts []string
	for _, e := range apptest.Get[[]event.Event](w.API, "/api/v1/events?limit=1000") {
		if strings.HasPrefix(e.Kind, "auth.") {
			facts = append(facts, e.Text)
		}
	}
	const want = "admin made the API token \"command line on this machine\" of admin with the scope admin; " +
		"admin made the account mira with the role responder; mira set a password; admin disabled the account mira"
	if got := strings.Join(facts, "; "); got != want {
		t.Errorf("facts: %s", got)
	}
	as := apptest.Get[[]api.Account](w.API, "/api/v1/accounts")
	if len(as) != 2 || as[0].Name != "admin" || as[0].Person || as[1].Name != "mira" || as[1].Disabled.IsZero() {
		t.Errorf("%+v", as)
	}
	if a := w.API.Call(http.MethodPost, "/api/v1/accounts/admin/disable", nil); a.Status != http.StatusConflict {
		t.Errorf("the last admin: %d %s", a.Status, a.Body)
	}
	if a := w.As(w.Token("respond")).Call(http.MethodGet, "/api/v1/accounts", nil); a.Status != http.StatusForbidden {
		t.Errorf("without the scope: %d", a.Status)
	}
}

// An admin does the same on the page: the link is shown once, and who is no admin sees none of it.
func TestAccountsAreKeptOnThePage(t *testing.T) {
	w := start(t)
	root := signIn(t, w.App.URL())
	status, text := root.submit("/accounts", url.Values{"name": {"mira"}, "role": {"responder"}})
	_, link, found := strings.Cut(text, w.App.URL()+"/welcome/")
	link, _, _ = strings.Cut(link, "<")
	if status != http.StatusOK || !found {
		t.Fatalf("%d %s", status, text)
	}
	if strings.Contains(root.look("/accounts"), link) {
		t.Error("the link is shown again")
	}
	if status, text := root.submit("/accounts", url.Values{"name": {"mira"}, "role": {"responder"}}); status != http.StatusConflict || !strings.Contains(text, "There is an account mira already") {
		t.Errorf("twice: %d", status)
	}
	me := signIn(t, w.App.URL())
	const password = "quite a long password"
	me.submit("/welcome/"+link, url.Values{"password": {password}, "again": {password}})
	in := func() {
		t.Helper()
		if status, text := me.submit("/login", url.Values{"name": {"mira"}, "password": {password}, "next": {"/oncall"}}); status != http.StatusOK || !strings.Contains(text, "On-call") {
			t.Fatalf("sign in: %d", status)
		}
	}
	in()
	for _, path := range []string{"/accounts/mira/role", "/accounts/admin/disable", "/accounts/admin/invite", "/accounts"} {
		if status, _ := me.submit(path, url.Values{"role": {"admin"}, "name": {"eve"}}); status != http.StatusForbidden {
			t.Errorf("a responder posts %s: %d", path, status)
		}
	}
	if page := root.look("/accounts"); !strings.Contains(page, "1 session.") || !strings.Contains(page, "can sign in") {
		t.Errorf("%s", page)
	}
	root.submit("/accounts/mira/end-sessions", nil)
	if text := me.look("/oncall"); !strings.Contains(text, "Sign in") {
		t.Error("the session goes on")
	}
	in()
	root.submit("/accounts/mira/role", url.Values{"role": {"viewer"}})
	if status, _ := me.submit("/oncall/schedules/x/override", url.Values{}); status != http.StatusForbidden {
		t.Errorf("a viewer acts: %d", status)
	}
	if status, text := root.submit("/accounts/mira/invite", nil); status != http.StatusOK || !strings.Contains(text, "/welcome/") {
		t.Errorf("reset: %d", status)
	}
	root.submit("/accounts/mira/disable", nil)
	if text := root.look("/accounts"); !strings.Contains(text, "disabled") || strings.Contains(me.look("/oncall"), "<nav") {
		t.Error("it is not disabled")
	}
	root.submit("/accounts/mira/enable", nil)
	in()
	if status, text := root.submit("/accounts/admin/disable", nil); status != http.StatusConflict || !strings.Contains(text, "last admin") {
		t.Errorf("the last admin: %d", status)
	}
}
