package ui

import (
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

type slosData struct {
	Statuses []detect.Status
	Firing   map[string]detect.Alert
	Catalog  *catalog.Catalog
	Frozen   map[string]bool
}

func (s *server) slosPage(r *http.Request) (view, error) {
	firing, err := s.firingBySLO(r)
	if err != nil {
		return view{}, err
	}
	d := slosData{Statuses: s.Detect.Statuses(shellOf(r.Context()).Now), Firing: firing, Catalog: s.Catalog(), Frozen: map[string]bool{}}
	freezes, _, err := s.freezes(r.Context())
	if err != nil {
		return view{}, err
	}
	for _, f := range freezes {
		d.Frozen[f.Service] = true
	}
	slices.SortStableFunc(d.Statuses, func(a, b detect.Status) int {
		_, fa := firing[a.SLO.Name]
		_, fb := firing[b.SLO.Name]
		if c := boolLess(fa, fb); c != 0 {
			return c
		}
		switch {
		case a.Budget.Spent > b.Budget.Spent:
			return -1
		case a.Budget.Spent < b.Budget.Spent:
			return 1
		}
		return 0
	})
	return view{Title: "SLOs", Live: true, Body: slosBody(d)}, nil
}

func (s *server) firingBySLO(r *http.Request) (map[string]detect.Alert, error) {
	alerts, err := s.Detect.Alerts(r.Context(), "", true)
	out := map[string]detect.Alert{}
	for _, a := range alerts {
		out[a.SLO] = a
	}
	return out, err
}

type sloData struct {
	detect.Status
	Firing *detect.Alert
	Policy *catalog.BudgetPolicy
	Past   []detect.Alert
	Now    time.Time
	File   string

	Back       time.Time          // when enough of the budget remains again if nothing more burns
	Exclusions []detect.Exclusion // of it, the newest first
}

func (s *server) sloPage(r *http.Request) (view, error) {
	name, now, c := r.PathValue("name"), shellOf(r.Context()).Now, s.Catalog()
	o := c.SLOs[name]
	if o == nil {
		return view{}, errs.New(errs.NotFound, "there is no SLO named %s in the catalog", name)
	}
	d := sloData{Status: s.Detect.Status(o, now), Policy: c.BudgetFor(o.Service), Now: now}
	d.Back = slo.Back(s.Detect.Ledger(name), o, s.Detect.Excluded(o), enoughBudget, now)
	xs, err := s.Detect.Exclusions(r.Context(), d.Budget.From)
	if err != nil {
		return view{}, err
	}
	d.Exclusions = slices.DeleteFunc(xs, func(x detect.Exclusion) bool { return !x.Of(o) })
	all, err := s.Detect.Alerts(r.Context(), "", false)
	if err != nil {
		return view{}, err
	}
	for k := len(all) - 1; k >= 0; k-- {
		a := all[k]
		switch {
		case a.SLO != name:
		case a.State == detect.Firing:
			d.Firing = &a
		case len(d.Past) < 10:
			d.Past = append(d.Past, a)
		}
	}
	for _, doc := range c.Documents {
		if doc.Kind == "SLO" && doc.Name == name {
			d.File = doc.File
		}
	}
	return view{Title: o.Title(), Live: true, Body: sloBody(d)}, nil
}

// remaining says what is left of a budget.
func remaining(st detect.Status) string {
	switch {
	case st.First.IsZero():
		return "no event yet"
	case st.Budget.Remaining < 0:
		return percent(-st.Budget.Remaining) + " over"
	}
	return percent(st.Budget.Remaining) + " left"
}

// budgetTone is amber when little is left; grey otherwise: a budget is no fire.
func budgetTone(st detect.Status) string {
	if st.Budget.Spent >= 0.8 {
		return "lamp"
	}
	return "plain"
}

// counted is a window of a rule with what was counted in it.
type counted struct {
	Name   string
	Length time.Duration
	Counts slo.Counts
	Burn   float64
	Over   bool
}

func windowsOf(rd slo.Reading) []counted {
	return []counted{
		{"long", rd.Rule.Long, rd.Long, rd.BurnLong, rd.BurnLong >= rd.Rule.Factor},
		{"short", rd.Rule.Short, rd.Short, rd.BurnShort, rd.BurnShort >= rd.Rule.Factor},
		{"recent", rd.Rule.Recent, rd.Recent, rd.BurnNow, rd.BurnNow >= rd.Rule.Factor},
	}
}

// burns reports whether an alert of the objective fires. What a rule reads is not enough: events of an alert that is over
// stay in its long window for days.
func burns(firing map[string]detect.Alert, st detect.Status) bool {
	_, ok := firing[st.SLO.Name]
	return ok
}

// spentAt returns when the budget is gone at the pace of the short window of the fastest rule that burns, in words. As soon
// as the shortest window is within the objective it has stopped burning, whatever longer ones still hold.
func spentAt(st detect.Status) string {
	switch {
	case st.First.IsZero():
		return "nothing is counted yet"
	case st.Budget.Remaining <= 0:
		return "spent"
	}
	if now := st.Readings[0]; now.Recent.Total > 0 && now.BurnNow <= 1 {
		return "not burning too fast"
	}
	for _, rd := range st.Readings {
		if rd.Rule.Class == slo.Page && rd.BurnNow > 1 && rd.BurnShort > 1 {
			left := time.Duration(st.Budget.Remaining / rd.BurnShort * float64(st.SLO.Window))
			return "gone in " + elapsed(left) + " at this pace"
		}
	}
	return "not burning too fast"
}

func whyReading(rd slo.Reading) string {
	_, why := rd.Fires()
	return why
}

func fires(rd slo.Reading) bool {
	ok, _ := rd.Fires()
	return ok
}
