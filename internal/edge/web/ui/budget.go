package ui

import (
	"net/http"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

// enoughBudget is the share that has to remain before people call a budget healthy again.
const enoughBudget = 0.2

// budgetPoints is the answer that static/js/chart.js draws: the course of a budget until now, and ahead if nothing more
// burns.
type budgetPoints struct {
	T     []float64  `json:"t"`
	Left  []*float64 `json:"left"`
	Ahead []*float64 `json:"ahead"`
	Marks []redMark  `json:"marks"`
	Spans []redSpan  `json:"spans"`
}

// budgetSteps is how many points the course of a window has.
const budgetSteps = 112

func (s *server) budgetData(w http.ResponseWriter, r *http.Request) {
	o, now := s.Catalog().SLOs[r.PathValue("name")], s.Now()
	if o == nil {
		s.fail(w, r, errs.New(errs.NotFound, "there is no SLO named %s in the catalog", r.PathValue("name")))
		return
	}
	past, ahead := slo.Course(s.Detect.Ledger(o.Name), o, s.Detect.Excluded(o), budgetSteps, now)
	out := budgetPoints{T: []float64{}, Left: []*float64{}, Ahead: []*float64{}}
	out.Marks, out.Spans = s.happened(r.Context(), o.Service, window{From: now.Add(-o.Window), To: now}, now)
	add := func(l slo.Left, past, ahead bool) {
		share := 100 * l.Share
		var a, b *float64
		if past {
			a = &share
		}
		if ahead {
			b = &share
		}
		out.T, out.Left, out.Ahead = append(out.T, seconds(l.At)), append(out.Left, a), append(out.Ahead, b)
	}
	for k, l := range past {
		add(l, true, k == len(past)-1)
	}
	for k, l := range ahead {
		if k > 0 {
			add(l, false, true)
		}
	}
	s.json(w, r, out)
}

// aheadWords says when the budget is healthy again.
func (d sloData) aheadWords() string {
	switch {
	case d.First.IsZero():
		return "nothing is counted yet"
	case d.Budget.Remaining >= enoughBudget:
		return percent(d.Budget.Remaining) + " left now"
	}
	return percent(d.Budget.Remaining) + " left now; back over " + percent(enoughBudget) + " in " + elapsed(d.Back.Sub(d.Now)) + " if nothing more burns"
}

// lengthWords says over what an objective is judged.
func lengthWords(o *catalog.SLO) string {
	if o.Calendar == nil {
		return period(o.Window)
	}
	return map[string]string{"1d": "each day", "1w": "each week", "1M": "each month", "1Q": "each quarter"}[o.Calendar.Duration] + ", " + o.Calendar.TimeZone
}

// exclusionWords say what an exclusion is for.
var exclusionWords = map[detect.Cause]string{
	detect.Maintenance: "announced maintenance", detect.ThirdParty: "outage of a third party", detect.Attack: "attack", detect.Rollback: "deploy that was rolled back at once",
}

// exclusionLook is the tone and sign of an exclusion's state.
func exclusionLook(s detect.ExclusionState) (tone, sign string) {
	switch s {
	case detect.ExclusionApproved:
		return "calm", "ok"
	case detect.ExclusionAsked:
		return "lamp", "ask"
	}
	return "plain", "off"
}

// doExclude asks for an exclusion by the form of an SLO's page.
func (s *server) doExclude(r *http.Request) (string, error) {
	form, zone, name := r.PostForm, shellOf(r.Context()).Zone, r.PathValue("name")
	x := detect.Exclusion{Cause: detect.Cause(form.Get("cause")), SLOs: []string{name}, Reason: strings.TrimSpace(form.Get("reason")), Fallback: strings.TrimSpace(form.Get("fallback"))}
	for field, at := range map[string]*time.Time{"from": &x.From, "to": &x.To} {
		v, err := time.ParseInLocation("2006-01-02T15:04", form.Get(field), zone)
		if err != nil {
			return "", errs.New(errs.Invalid, "%s is %q; choose a day and a time", field, form.Get(field))
		}
		*at = v
	}
	_, err := s.Detect.Exclude(r.Context(), x, actorOf(r), s.Now())
	return "/slos/" + name, err
}

func (s *server) doDecideExclusion(r *http.Request) (string, error) {
	state := detect.ExclusionState(r.PostForm.Get("state"))
	_, err := s.Detect.DecideExclusion(r.Context(), detect.ExclusionID(r.PathValue("id")), state, r.PostForm.Get("note"), actorOf(r), s.Now())
	return "/slos/" + r.PathValue("name"), err
}
