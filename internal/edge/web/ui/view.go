package ui

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"nightkeeper/internal/kit/event"
)

// view is one page.
type view struct {
	Title string
	Body  templ.Component
	Live  bool   // follows the feed of facts
	Group string // only facts of this group matter; empty for all
	Bare  bool   // without navigation: sign-in, acknowledge
	Wide  bool   // bare, but as wide as other pages
	Code  int    // status; 0 is 200
}

// pageFunc gathers what a page shows.
type pageFunc func(r *http.Request) (view, error)

// shell is what every page has around it. Components read it from the context.
type shell struct {
	User   User
	Path   string
	URL    string // path and query
	Theme  string // auto, night or day
	Zone   *time.Location
	Now    time.Time
	Assets assets
	Seq    int64 // newest fact when the page was gathered
	Open   int   // open incidents
	Shadow bool  // nobody is paged
	Person bool  // the user is a person of the catalog
}

type shellKey struct{}

func shellOf(ctx context.Context) *shell {
	if sh, ok := ctx.Value(shellKey{}).(*shell); ok {
		return sh
	}
	return &shell{Zone: time.UTC, Theme: "auto"}
}

// Cookies that remember how a person looks at pages; neither is a secret.
const (
	themeCookie = "nightkeeper_theme"
	zoneCookie  = "nightkeeper_zone"
)

// withShell puts a shell into the context of a request.
func (s *server) withShell(r *http.Request) *http.Request {
	sh := &shell{Path: r.URL.Path, URL: r.URL.RequestURI(), Theme: "auto", Zone: time.UTC, Now: s.Now(), Assets: s.assets, Shadow: s.Shadow}
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "night" || c.Value == "day") {
		sh.Theme = c.Value
	}
	if c, err := r.Cookie(zoneCookie); err == nil && len(c.Value) < 64 {
		if name, err := url.QueryUnescape(c.Value); err == nil && name != "Local" {
			if loc, err := time.LoadLocation(name); err == nil {
				sh.Zone = loc
			}
		}
	}
	return r.WithContext(context.WithValue(r.Context(), shellKey{}, sh))
}

// show answers with a page, or with the regions of it that a live page asks for.
func (s *server) show(p pageFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sh := shellOf(r.Context())
		// The position in the log is read first: a fact that arrives while the page is gathered is then told again.
		if last, err := s.Events(r.Context(), event.Query{Last: true, Limit: 1}); err == nil && len(last) > 0 {
			sh.Seq = last[0].Seq
		}
		v, err := p(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if regions := r.Header.Get("Nightkeeper-Regions"); regions != "" && isPart(r) {
			s.parts(w, r, v, strings.Split(regions, ","))
			return
		}
		s.page(w, r, max(v.Code, http.StatusOK), v)
	}
}

// fragment marks a part of a page that can be rendered alone. The library's own hands its children on to every component
// in it that is called without any.
func fragment(id string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		children := templ.GetChildren(ctx)
		alone := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
			return children.Render(templ.ClearChildren(ctx), w)
		})
		return templ.Fragment(id).Render(templ.WithChildren(ctx, alone), w)
	})
}

// page writes a whole page.
func (s *server) page(w http.ResponseWriter, r *http.Request, status int, v view) {
	sh := shellOf(r.Context())
	if sh.User.Name != "" {
		sh.Person = s.Catalog().People[sh.User.Name] != nil
		if open, err := s.Respond.List(r.Context(), true, 100); err == nil {
			sh.Open = len(open)
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	s.write(w, r, layout(v))
}

// parts writes the regions that were asked for; each goes to the place it came from.
func (s *server) parts(w http.ResponseWriter, r *http.Request, v view, ids []string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	for _, id := range ids[:min(len(ids), 40)] {
		var b bytes.Buffer
		if err := templ.RenderFragments(r.Context(), &b, v.Body, id); err != nil {
			s.Log.Error("render a region", "path", r.URL.Path, "region", id, "error", err)
			return
		}
		if b.Len() == 0 {
			continue
		}
		s.write(w, r, part(id, b.String()))
	}
}

// write renders into the answer. A client that has gone away is no news.
func (s *server) write(w io.Writer, r *http.Request, c templ.Component) {
	if err := c.Render(r.Context(), w); err != nil && r.Context().Err() == nil {
		s.Log.Warn("write a page", "path", r.URL.Path, "error", err)
	}
}

// window is the time a page looks at.
type window struct {
	From, To time.Time
	Fixed    bool // given in the address, rather than the latest
}

// windowOf reads from and to, in milliseconds, or takes the latest d.
func windowOf(r *http.Request, d time.Duration, now time.Time) window {
	from, err1 := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(r.URL.Query().Get("to"), 10, 64)
	if err1 != nil || err2 != nil || to <= from {
		if last, err := time.ParseDuration(r.URL.Query().Get("last")); err == nil && last > 0 && last <= 31*24*time.Hour {
			d = last
		}
		return window{From: now.Add(-d), To: now}
	}
	return window{From: time.UnixMilli(from), To: time.UnixMilli(to), Fixed: true}
}

// Query returns the window as it is written in an address.
func (w window) Query() string {
	return "from=" + strconv.FormatInt(w.From.UnixMilli(), 10) + "&to=" + strconv.FormatInt(w.To.UnixMilli(), 10)
}

// link joins a path and query pairs; empty values are left out.
func link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
