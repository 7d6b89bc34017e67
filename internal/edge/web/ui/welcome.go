package ui

import (
	"net/http"

	"nightkeeper/internal/kit/errs"
)

func (s *server) welcomePage(r *http.Request) (view, error) {
	if s.Welcome == nil {
		return view{}, errs.New(errs.NotFound, "accounts are not made here")
	}
	name, err := s.Welcome.Invited(r.Context(), r.PathValue("secret"))
	if err != nil {
		return view{}, err
	}
	return view{Title: "Welcome", Bare: true, Body: welcomeBody(r.URL.Path, name, "")}, nil
}

// setPassword uses a link up, and shows the form again when the password cannot be one.
func (s *server) setPassword(w http.ResponseWriter, r *http.Request) {
	v, err := s.welcomePage(r)
	if err == nil {
		err = readForm(w, r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	secret, password := r.PathValue("secret"), r.PostForm.Get("password")
	if password != r.PostForm.Get("again") {
		err = errs.New(errs.Invalid, "the two passwords are not the same")
	} else {
		_, err = s.Welcome.SetPassword(r.Context(), secret, password)
	}
	switch {
	case err == nil:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	case errs.Is(err, errs.Invalid):
		name, lerr := s.Welcome.Invited(r.Context(), secret)
		if lerr != nil {
			s.fail(w, r, lerr)
			return
		}
		v.Body = welcomeBody(r.URL.Path, name, errs.Message(err))
		s.page(w, r, statusOf(err), v)
	default:
		s.fail(w, r, err)
	}
}
