package ui

import (
	"net/http"
	"slices"
	"strings"

	"nightkeeper/internal/kit/errs"
)

type accountsData struct {
	List    []Account
	Without []string // people of the catalog who have no account
	Invite  *Invite  // shown this once
	Problem string
	Name    string // as it was written, when it was refused
}

// roles are what an account may be, the least first.
var roles = []string{Viewer, Responder, Admin}

func (s *server) accountsPage(r *http.Request) (view, error) {
	return s.accountsView(r, accountsData{})
}

// admin refuses everybody else.
func (s *server) admin(r *http.Request) error {
	if s.Accounts == nil {
		return errs.New(errs.NotFound, "accounts are not kept here")
	}
	if shellOf(r.Context()).User.Role != Admin {
		return errs.New(errs.Denied, "only an admin sees and changes accounts")
	}
	return nil
}

func (s *server) accountsView(r *http.Request, d accountsData) (view, error) {
	if err := s.admin(r); err != nil {
		return view{}, err
	}
	var err error
	if d.List, err = s.Accounts.Accounts(r.Context()); err != nil {
		return view{}, err
	}
	for _, name := range sortedKeys(s.Catalog().People) {
		if !slices.ContainsFunc(d.List, func(a Account) bool { return a.Name == name }) {
			d.Without = append(d.Without, name)
		}
	}
	return view{Title: "Accounts", Body: accountsBody(d)}, nil
}

// addAccount makes an account and shows its link, which is never shown again.
func (s *server) addAccount(r *http.Request) (view, error) {
	if err := s.accountForm(r); err != nil {
		return view{}, err
	}
	name := strings.TrimSpace(r.PostForm.Get("name"))
	inv, err := s.Accounts.Add(r.Context(), actorOf(r), name, r.PostForm.Get("role"))
	return s.invited(r, inv, name, err)
}

func (s *server) inviteAccount(r *http.Request) (view, error) {
	if err := s.accountForm(r); err != nil {
		return view{}, err
	}
	inv, err := s.Accounts.Invite(r.Context(), actorOf(r), r.PathValue("name"))
	return s.invited(r, inv, "", err)
}

func (s *server) accountForm(r *http.Request) error {
	if err := s.admin(r); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return errs.Wrap(err, errs.Invalid, "the form cannot be read")
	}
	return nil
}

func (s *server) invited(r *http.Request, inv Invite, name string, err error) (view, error) {
	switch {
	case errs.Is(err, errs.Invalid), errs.Is(err, errs.Conflict), errs.Is(err, errs.NotFound):
		v, verr := s.accountsView(r, accountsData{Problem: errs.Message(err), Name: name})
		v.Code = statusOf(err)
		return v, verr
	case err != nil:
		return view{}, err
	}
	return s.accountsView(r, accountsData{Invite: &inv})
}

// onAccount returns an order about one account.
func (s *server) onAccount(do func(r *http.Request, name string) error) actFunc {
	return func(r *http.Request) (string, error) {
		if err := s.admin(r); err != nil {
			return "", err
		}
		return "/accounts", do(r, r.PathValue("name"))
	}
}

func (s *server) doAccountRole(r *http.Request, name string) error {
	return s.Accounts.SetRole(r.Context(), actorOf(r), name, r.PostForm.Get("role"))
}

func (s *server) doDisableAccount(r *http.Request, name string) error {
	return s.Accounts.SetDisabled(r.Context(), actorOf(r), name, true)
}

func (s *server) doEnableAccount(r *http.Request, name string) error {
	return s.Accounts.SetDisabled(r.Context(), actorOf(r), name, false)
}

func (s *server) doEndSessions(r *http.Request, name string) error {
	return s.Accounts.EndSessions(r.Context(), actorOf(r), name)
}

func accountLook(a Account) (tone, sign, text string) {
	switch {
	case !a.Disabled.IsZero():
		return "plain", "off", "disabled"
	case !a.Password:
		return "lamp", "wait", "invited"
	}
	return "calm", "ok", "can sign in"
}
