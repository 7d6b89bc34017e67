package ui

import (
	"net/http"
	"net/url"
	"slices"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

// teamPath is where a team is shown.
func teamPath(name string) string { return "/teams/" + url.PathEscape(name) }

func (s *server) teamsPage(r *http.Request) (view, error) {
	ts, err := s.Respond.Teams(r.Context(), s.Detect, s.Page, shellOf(r.Context()).Now)
	if err != nil {
		return view{}, err
	}
	return view{Title: "Teams", Live: true, Body: teamsBody(ts)}, nil
}

type teamData struct {
	respond.Team
	Catalog *catalog.Catalog
}

// has reports whether somebody is a member.
func (d teamData) has(person string) bool {
	return slices.ContainsFunc(d.Members, func(m respond.Member) bool { return m.Person == person })
}

func (s *server) teamPage(r *http.Request) (view, error) {
	t, err := s.Respond.Team(r.Context(), s.Detect, s.Page, r.PathValue("name"), shellOf(r.Context()).Now)
	if err != nil {
		return view{}, err
	}
	return view{Title: t.Title, Live: true, Body: teamBody(teamData{t, s.Catalog()})}, nil
}

// onCallOf are the people who are on call for a team, each once.
func onCallOf(t respond.Team) []string {
	var out []string
	seen := map[string]bool{}
	for _, d := range t.Schedules {
		for _, name := range d.Now.People() {
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// unreached counts the members of a team whom no test message reached.
func unreached(t respond.Team) (n int) {
	for _, m := range t.Members {
		if !m.Reachable() {
			n++
		}
	}
	return n
}

// readyWords says what is known of a contact.
func readyWords(r page.Readiness) string {
	if r.State == page.ReadyNone {
		return "no contact but the inbox"
	}
	return r.Channel + " " + r.State
}
