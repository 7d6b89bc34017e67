package ui

import (
	"net/http"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
)

type contactsData struct {
	People  []*catalog.Person
	PushKey string
	Person  string // who was tried; empty: nobody
	Results []page.Checked
	Ready   []page.Readiness
	Soon    []string // who is on call within 30 days
}

func (s *server) contactsPage(r *http.Request) (view, error) { return s.contactsView(r, "", nil) }

func (s *server) contactsView(r *http.Request, person string, results []page.Checked) (view, error) {
	c := s.Catalog()
	d := contactsData{PushKey: s.PushKey, Person: person, Results: results}
	var err error
	if d.Ready, err = s.Page.Ready(r.Context()); err != nil {
		return view{}, err
	}
	if d.Soon, err = s.Page.OnRotaSoon(r.Context(), s.Now()); err != nil {
		return view{}, err
	}
	for _, name := range sortedKeys(c.People) {
		d.People = append(d.People, c.People[name])
	}
	return view{Title: "Contacts", Live: person == "", Body: contactsBody(d)}, nil
}

// doCheckEveryone has a test message sent to everybody who is on call soon; the table of readiness shows what becomes of it.
func (s *server) doCheckEveryone(r *http.Request) (string, error) {
	_, err := s.Page.CheckEveryone(r.Context(), actorOf(r), false)
	return "/oncall/contacts#readiness", err
}

// doConfirm is the button of somebody who is signed in: a test message arrived.
func (s *server) doConfirm(r *http.Request) (string, error) {
	me := actorOf(r)
	_, err := s.Page.Confirm(r.Context(), r.PathValue("person"), r.FormValue("channel"), r.FormValue("key"), me, s.Now())
	return "/oncall/contacts", err
}

type confirmData struct {
	page.Readiness
	Token string
	Done  bool
}

// confirmPage is what the link in a test message opens. Opening it confirms nothing: programs that look at links open it
// too.
func (s *server) confirmPage(r *http.Request) (view, error) {
	ready, err := s.Page.OpenConfirm(r.Context(), r.PathValue("token"), s.Now())
	if err != nil {
		return view{}, err
	}
	return view{Title: "It arrived", Bare: true, Body: confirmBody(confirmData{Readiness: ready, Token: r.PathValue("token")})}, nil
}

func (s *server) confirmByToken(r *http.Request) (view, error) {
	ready, err := s.Page.OpenConfirm(r.Context(), r.PathValue("token"), s.Now())
	if err != nil {
		return view{}, err
	}
	if ready, err = s.Page.Confirm(r.Context(), ready.Person, ready.Channel, ready.Key, ready.Person, s.Now()); err != nil {
		return view{}, err
	}
	return view{Title: "It arrived", Bare: true, Body: confirmBody(confirmData{Readiness: ready, Done: true})}, nil
}

// onTheWay counts the contacts to which a test message is on its way.
func onTheWay(rs []page.Readiness) (n int) {
	for _, r := range rs {
		if r.State == page.ReadyTesting {
			n++
		}
	}
	return n
}

// readyLook returns tone and sign of what is known of a contact.
func readyLook(r page.Readiness) (tone, sign string) {
	switch r.State {
	case page.ReadyOK:
		return "calm", "ok"
	case page.ReadyFailed, page.ReadyNone:
		return "lamp", "warn"
	}
	return "plain", "wait"
}

// checkContacts sends a test message by every contact of a person and shows what happened.
func (s *server) checkContacts(r *http.Request) (view, error) {
	me := shellOf(r.Context()).User
	if !me.CanAct() {
		return view{}, errs.New(errs.Denied, "you may look but not act: your role is viewer")
	}
	person := r.PathValue("person")
	results, err := s.Page.Check(r.Context(), me.Name, person)
	if err != nil {
		return view{}, err
	}
	return s.contactsView(r, person, results)
}

// pushWorker serves the part of web push that runs in the background of a browser. Its address is what it may act for, so
// it is not below /static/, and it is asked for again each time.
func (s *server) pushWorker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, files, "static/js/push-worker.js")
}
