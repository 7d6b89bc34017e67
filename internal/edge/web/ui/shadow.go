package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

type shadowData struct {
	Running bool
	Report  *page.ShadowReport // nil: nothing was compared
	From    int                // the first row that is shown
}

// rowsAtOnce is how many rows the page shows.
const rowsAtOnce = 100

// rows returns those that are shown.
func (d shadowData) rows() []page.Compared {
	all := d.Report.Rows
	from := min(d.From, len(all))
	return all[from:min(from+rowsAtOnce, len(all))]
}

// shownWords says which rows are shown, and how many the report has not kept.
func (d shadowData) shownWords() string {
	n := len(d.rows())
	if n == len(d.Report.Rows) && d.Report.LeftOut == 0 {
		return "what needs a look first"
	}
	out := fmt.Sprintf("%d to %d of %d, what needs a look first", min(d.From+1, d.From+n), d.From+n, len(d.Report.Rows))
	if d.Report.LeftOut > 0 {
		out += fmt.Sprintf("; %s left out: compare a shorter time", plural(d.Report.LeftOut, "more was", "more were"))
	}
	return out
}

func (s *server) shadowPage(r *http.Request) (view, error) {
	from, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("from"), "0"))
	if err != nil || from < 0 {
		return view{}, errs.New(errs.Invalid, "from is %.40q; it is the number of rows to pass over", r.URL.Query().Get("from"))
	}
	d := shadowData{Running: s.Shadow, From: from}
	rep, err := s.Page.LastReport(r.Context())
	switch {
	case err == nil:
		d.Report = &rep
	case !errs.Is(err, errs.NotFound):
		return view{}, err
	}
	return view{Title: "Shadow", Body: shadowBody(d)}, nil
}

// shadowMarkdown is the newest report as a file.
func (s *server) shadowMarkdown(w http.ResponseWriter, r *http.Request) {
	rep, err := s.Page.LastReport(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="shadow-report.md"`)
	if _, err := w.Write([]byte(rep.Markdown())); err != nil && r.Context().Err() == nil {
		s.Log.Warn("write a report", "error", err)
	}
}

func shadowLead(running bool) string {
	if running {
		return "This server runs beside another system: it decides everything and pages nobody."
	}
	return "This server pages. Started with --shadow it would run beside another system and page nobody."
}

func verdictTone(r page.ShadowReport) string {
	if r.Ready() {
		return "calm"
	}
	return "lamp"
}

func verdictSign(r page.ShadowReport) string {
	if r.Ready() {
		return "ok"
	}
	return "warn"
}

func outcomeLook(o page.Outcome) (tone, sign string) {
	switch o {
	case page.SamePeople:
		return "calm", "ok"
	case page.Differs, page.OnlyTheirs:
		return "lamp", "warn"
	}
	return "plain", "note"
}
