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
}

func (s *server) contactsPage(*http.Request) (view, error) { return s.contactsView("", nil), nil }

func (s *server) contactsView(person string, results []page.Checked) view {
	c := s.Catalog()
	d := contactsData{PushKey: s.PushKey, Person: person, Results: results}
	for _, name := range sortedKeys(c.People) {
		d.People = append(d.People, c.People[name])
	}
	return view{Title: "Contacts", Body: contactsBody(d)}
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
	return s.contactsView(person, results), nil
}

// pushWorker serves the part of web push that runs in the background of a browser. Its address is what it may act for, so
// it is not below /static/, and it is asked for again each time.
func (s *server) pushWorker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, files, "static/js/push-worker.js")
}
