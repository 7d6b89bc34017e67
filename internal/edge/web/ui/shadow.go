package ui

import (
	"net/http"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/page"
)

type shadowData struct {
	Running bool
	Report  *page.ShadowReport // nil: nothing was compared
}

func (s *server) shadowPage(r *http.Request) (view, error) {
	d := shadowData{Running: s.Shadow}
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
