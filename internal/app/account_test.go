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
	if got := strings.Join(facts, "; "); got != "admin made the account mira with the role responder; mira set a password; admin disabled the account mira" {
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
