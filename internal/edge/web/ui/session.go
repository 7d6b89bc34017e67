package ui

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"nightkeeper/internal/kit/errs"
)

// SessionCookie is the name of the cookie that holds the secret of a session.
const SessionCookie = "nightkeeper_session"

// who returns who is signed in.
func (s *server) who(r *http.Request) (User, error) {
	c, err := r.Cookie(SessionCookie)
	if err != nil || c.Value == "" {
		return User{}, errs.New(errs.Denied, "you are not signed in")
	}
	return s.Auth.Who(r.Context(), c.Value)
}

// anybody lets everybody in, and knows who it is when somebody is signed in.
func (s *server) anybody(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u, err := s.who(r); err == nil {
			shellOf(r.Context()).User = u
		}
		next(w, r)
	}
}

// signedIn lets users in and sends everybody else to sign in first.
func (s *server) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, err := s.who(r)
		if err == nil {
			shellOf(r.Context()).User = u
			next(w, r)
			return
		}
		if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Internal) {
			s.fail(w, r, err)
			return
		}
		if isPart(r) || strings.HasPrefix(r.URL.Path, "/x/") || r.URL.Path == "/live" {
			w.Header().Set("HX-Redirect", "/login")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next := ""
		if r.Method == http.MethodGet && r.URL.Path != "/" {
			next = r.URL.RequestURI()
		}
		http.Redirect(w, r, link("/login", "next", next), http.StatusSeeOther)
	}
}

// safeNext returns a path of these pages, or "/": never another site.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// remoteOf returns the address of the client. What comes from this machine comes from a proxy that has written the
// client's address at the end of X-Forwarded-For; what stands before that, anybody may have written.
func remoteOf(r *http.Request) string {
	remote := r.RemoteAddr
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	if a, err := netip.ParseAddr(remote); err != nil || !a.Unmap().IsLoopback() {
		return remote
	}
	all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	last := strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
	if a, err := netip.ParseAddr(last); err == nil {
		return a.String()
	}
	return remote
}

func (s *server) loginPage(r *http.Request) (view, error) {
	return view{Title: "Sign in", Bare: true, Body: loginBody(safeNext(r.URL.Query().Get("next")), "", "")}, nil
}

func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	name, next := strings.TrimSpace(r.PostForm.Get("name")), safeNext(r.PostForm.Get("next"))
	secret, expires, err := s.Auth.SignIn(r.Context(), name, r.PostForm.Get("password"), remoteOf(r))
	if err != nil {
		if errs.Is(err, errs.Internal) {
			s.Log.Error("sign in", "error", err)
		}
		s.page(w, r, statusOf(err), view{Title: "Sign in", Bare: true, Body: loginBody(next, name, errs.Message(err))})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: SessionCookie, Value: secret, Path: "/", Expires: expires, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *server) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(SessionCookie); err == nil {
		if err := s.Auth.SignOut(context.WithoutCancel(r.Context()), c.Value); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: SessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// setTheme remembers the theme for a year.
func (s *server) setTheme(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	theme := r.PostForm.Get("theme")
	if theme != "night" && theme != "day" {
		theme = "auto"
	}
	http.SetCookie(w, &http.Cookie{
		Name: themeCookie, Value: theme, Path: "/", MaxAge: 365 * 24 * 3600, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
	if isPart(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, safeNext(r.PostForm.Get("next")), http.StatusSeeOther)
}
