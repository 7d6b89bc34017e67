package learn

import (
	"cmp"
	"slices"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// Record is what the measures need to know about one incident.
type Record struct {
	Incident respond.Incident `json:"incident"`
	Paged    bool             `json:"paged"` // people were told
	Fixed    bool             `json:"fixed"` // a runbook ended well
}

// ticket reports whether the incident was one that pages nobody.
func (r Record) ticket() bool {
	return r.Incident.Severity == detect.SEV4 && !r.Paged && r.Incident.ToldAt.IsZero()
}

// Times are means over incidents. A mean without anything to count is zero, and its count says so.
type Times struct {
	Incidents      int           `json:"incidents"`
	MTTD           time.Duration `json:"mttd_ns"` // first sign to alert
	MTTA           time.Duration `json:"mtta_ns"` // alert to acknowledged, of those that were
	Acked          int           `json:"acked"`
	Tickets        int           `json:"tickets"`            // waited for a business day; nobody was to acknowledge them
	MTTR           time.Duration `json:"mttr_ns"`            // alert to resolved
	MTTROnset      time.Duration `json:"mttr_from_onset_ns"` // first sign to resolved
	Resolved       int           `json:"resolved"`
	AutoRemediated int           `json:"auto_remediated"` // a runbook ended it and nobody was paged
	AutoShare      float64       `json:"auto_share"`      // of the resolved ones
	LostRequests   int64         `json:"lost_requests"`
	Revenue        float64       `json:"revenue"`
}

// Repeat is a cause that was seen before.
type Repeat struct {
	Service   string       `json:"service"`
	Kind      string       `json:"kind"`
	Incidents []respond.ID `json:"incidents"` // the oldest first
}

// Measures are how incidents went in a window of time.
type Measures struct {
	From        time.Time                 `json:"from"`
	To          time.Time                 `json:"to"`
	All         Times                     `json:"all"`
	BySeverity  map[detect.Severity]Times `json:"by_severity"`
	ByKind      map[string]int            `json:"by_kind"` // of causes
	Repeats     []Repeat                  `json:"repeats"` // causes with more than one incident, the most frequent first
	Repeated    int                       `json:"repeated"`
	RepeatShare float64                   `json:"repeat_share"` // incidents whose cause was seen before in the window
	Items       Completion                `json:"items"`
	Postmortems Completion                `json:"postmortems"`
	Detection   Detection                 `json:"detection"`
}

// Completion says how many of what was due were done in time.
type Completion struct {
	Counted int     `json:"counted"` // old enough to be judged, or done
	Done    int     `json:"done"`    // in time
	Share   float64 `json:"share"`
}

func completion(counted, done int) Completion {
	c := Completion{Counted: counted, Done: done}
	if counted > 0 {
		c.Share = float64(done) / float64(counted)
	}
	return c
}

// Measure computes the measures of incidents. Those that are not over count for detection and acknowledgement only.
func Measure(records []Record) Measures {
	m := Measures{BySeverity: map[detect.Severity]Times{}, ByKind: map[string]int{}}
	bySeverity := map[detect.Severity][]Record{}
	causes := map[[2]string]*Repeat{}
	sorted := slices.Clone(records)
	slices.SortFunc(sorted, func(a, b Record) int {
		return cmp.Or(a.Incident.OpenedAt.Compare(b.Incident.OpenedAt), cmp.Compare(a.Incident.ID, b.Incident.ID))
	})
	for _, r := range sorted {
		bySeverity[r.Incident.Severity] = append(bySeverity[r.Incident.Severity], r)
		kind := causeKind(r.Incident)
		m.ByKind[kind]++
		if kind == diagnose.Unknown {
			continue
		}
		key := [2]string{causeService(r.Incident), kind}
		if causes[key] == nil {
			causes[key] = &Repeat{Service: key[0], Kind: kind}
		}
		causes[key].Incidents = append(causes[key].Incidents, r.Incident.ID)
	}
	m.All = times(sorted)
	for s, rs := range bySeverity {
		m.BySeverity[s] = times(rs)
	}
	for _, r := range causes {
		if n := len(r.Incidents); n > 1 {
			m.Repeats = append(m.Repeats, *r)
			m.Repeated += n - 1
		}
	}
	slices.SortFunc(m.Repeats, func(a, b Repeat) int {
		return cmp.Or(cmp.Compare(len(b.Incidents), len(a.Incidents)), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind))
	})
	if len(records) > 0 {
		m.RepeatShare = float64(m.Repeated) / float64(len(records))
	}
	return m
}

func times(rs []Record) Times {
	var t Times
	var detect, ack, fix, whole time.Duration
	for _, r := range rs {
		i := r.Incident
		t.Incidents++
		t.LostRequests += i.Impact.LostRequests
		t.Revenue += i.Impact.Revenue
		detect += i.OpenedAt.Sub(onset(i))
		if r.ticket() {
			t.Tickets++
		}
		if !i.AckedAt.IsZero() {
			t.Acked++
			ack += i.AckedAt.Sub(i.OpenedAt)
		}
		if i.Open() || i.ResolvedAt.IsZero() {
			continue
		}
		t.Resolved++
		fix += i.ResolvedAt.Sub(i.OpenedAt)
		whole += i.ResolvedAt.Sub(onset(i))
		if r.Fixed && !r.Paged {
			t.AutoRemediated++
		}
	}
	t.MTTD, t.MTTA = mean(detect, t.Incidents), mean(ack, t.Acked)
	t.MTTR, t.MTTROnset = mean(fix, t.Resolved), mean(whole, t.Resolved)
	if t.Resolved > 0 {
		t.AutoShare = float64(t.AutoRemediated) / float64(t.Resolved)
	}
	return t
}

func mean(sum time.Duration, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// itemWindow is how long an action item may take to count as done in time.
const itemWindow = 30 * 24 * time.Hour

// itemCompletion returns the share of action items done within 30 days, of those that are that old or done. Dropped ones
// do not count.
func itemCompletion(as []ActionItem, now time.Time) Completion {
	counted, done := 0, 0
	for _, a := range as {
		inTime := a.State == Done && !a.DoneAt.After(a.CreatedAt.Add(itemWindow))
		if a.State == Dropped || (a.State == Open && now.Sub(a.CreatedAt) < itemWindow) {
			continue
		}
		counted++
		if inTime {
			done++
		}
	}
	return completion(counted, done)
}

// postmortemCompletion returns the share of required postmortems published in time, of those that are due or published.
func postmortemCompletion(ps []Postmortem, now time.Time) Completion {
	counted, done := 0, 0
	for _, p := range ps {
		if !p.Required || (p.State != Published && !now.After(p.DueAt)) {
			continue
		}
		counted++
		if p.State == Published && !p.PublishedAt.After(p.DueAt) {
			done++
		}
	}
	return completion(counted, done)
}
