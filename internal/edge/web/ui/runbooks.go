package ui

import (
	"net/http"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
)

// runbookRow is a runbook with how it did.
type runbookRow struct {
	*catalog.Runbook
	Runs    int
	Last    *remediate.Run
	Seen    time.Time // last review; zero when it never was
	Overdue bool
}

type runbooksData struct {
	Rows    []runbookRow
	Service string
}

func (s *server) runbooksPage(r *http.Request) (view, error) {
	d := runbooksData{Service: r.URL.Query().Get("service")}
	runs, err := s.Remediate.List(r.Context(), "", 500)
	if err != nil {
		return view{}, err
	}
	c, now := s.Catalog(), shellOf(r.Context()).Now
	for _, name := range sortedKeys(c.Runbooks) {
		rb := c.Runbooks[name]
		if d.Service == "" || forService(rb, d.Service) {
			d.Rows = append(d.Rows, rowOf(rb, runs, now))
		}
	}
	return view{Title: "Runbooks", Live: true, Body: runbooksBody(d)}, nil
}

func rowOf(rb *catalog.Runbook, runs []remediate.Run, now time.Time) runbookRow {
	row := runbookRow{Runbook: rb}
	for k := range runs {
		if runs[k].Runbook != rb.Name || runs[k].DryRun {
			continue
		}
		if row.Last == nil {
			row.Last = &runs[k]
		}
		row.Runs++
	}
	// The catalog has checked the date; one that cannot be read counts as overdue.
	if at, err := rb.Reviewed.In(time.UTC); err == nil {
		row.Seen = at
	}
	row.Overdue = now.Sub(row.Seen) > catalog.ReviewEvery
	return row
}

type runbookData struct {
	runbookRow
	Runs []remediate.Run
	Text string
}

func (s *server) runbookPage(r *http.Request) (view, error) {
	name := r.PathValue("name")
	rb := s.Catalog().Runbooks[name]
	if rb == nil {
		return view{}, errs.New(errs.NotFound, "there is no runbook named %s in the catalog", name)
	}
	all, err := s.Remediate.List(r.Context(), "", 500)
	if err != nil {
		return view{}, err
	}
	d := runbookData{runbookRow: rowOf(rb, all, shellOf(r.Context()).Now), Text: withoutTitle(rb.Text)}
	for _, run := range all {
		if run.Runbook == name && len(d.Runs) < 20 {
			d.Runs = append(d.Runs, run)
		}
	}
	return view{Title: rb.Title(), Live: true, Body: runbookBody(d)}, nil
}

// withoutTitle leaves the first heading away: the page has it already.
func withoutTitle(text string) string {
	trimmed := strings.TrimLeft(text, "\n ")
	if strings.HasPrefix(trimmed, "# ") {
		if _, rest, ok := strings.Cut(trimmed, "\n"); ok {
			return rest
		}
		return ""
	}
	return text
}

func triggerWords(t catalog.Trigger) string {
	switch {
	case t.Cause == "":
		return "any trouble of " + t.Service
	case t.Service == "":
		return words(t.Cause)
	}
	return words(t.Cause) + " of " + t.Service
}

func riskWords(r catalog.Risk) string {
	switch r {
	case catalog.Low:
		return "low: runs by itself and may hold a page"
	case catalog.Medium:
		return "medium: asks before it changes anything"
	}
	return "high: asks before it changes anything"
}

func (s *server) tokensPage(r *http.Request) (view, error) {
	return s.tokensView(r, "", "")
}

// tokensView shows the tokens, with the secret of a fresh one, which is never shown again.
func (s *server) tokensView(r *http.Request, secret, problem string) (view, error) {
	if shellOf(r.Context()).User.Role != Admin {
		return view{}, errs.New(errs.Denied, "only an admin may see and make API tokens")
	}
	list, err := s.Auth.Tokens(r.Context())
	if err != nil {
		return view{}, err
	}
	return view{Title: "API tokens", Body: tokensBody(list, secret, problem)}, nil
}

func (s *server) createToken(r *http.Request) (view, error) {
	me := shellOf(r.Context()).User
	if me.Role != Admin {
		return view{}, errs.New(errs.Denied, "only an admin may make API tokens")
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return view{}, errs.Wrap(err, errs.Invalid, "the form cannot be read")
	}
	name, scope := strings.TrimSpace(r.PostForm.Get("name")), strings.Join(r.PostForm["scope"], " ")
	if name == "" || len(name) > 100 {
		return s.tokensView(r, "", "a token needs a name that says who uses it, of at most 100 characters")
	}
	secret, err := s.Auth.CreateToken(r.Context(), me, name, scope)
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Denied) {
		return s.tokensView(r, "", errs.Message(err))
	}
	if err != nil {
		return view{}, err
	}
	return s.tokensView(r, secret, "")
}

func (s *server) doDropToken(r *http.Request) (string, error) {
	if shellOf(r.Context()).User.Role != Admin {
		return "", errs.New(errs.Denied, "only an admin may end API tokens")
	}
	return "/settings/tokens", s.Auth.DropToken(r.Context(), actorOf(r), r.PathValue("id"))
}

// scopeWords says what a token with space-separated scopes may do.
func scopeWords(scope string) string {
	var out []string
	for sc := range strings.FieldsSeq(scope) {
		out = append(out, oneScope(sc))
	}
	return strings.Join(out, "; ")
}

func oneScope(scope string) string {
	switch scope {
	case "read":
		return "see everything"
	case "intake":
		return "send telemetry and alerts"
	case "gate":
		return "look, ask whether a release may go out, report deploys"
	case "respond":
		return "look, acknowledge, note, approve, run"
	}
	return "everything"
}
