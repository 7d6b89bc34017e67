package learn

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/respond"
)

// DetectWithin is how soon after it began trouble should be known.
const DetectWithin = 5 * time.Minute

// Ways in which detection failed.
const (
	NeverDetected = "never_detected" // people told us, and no objective covers the service
	Missed        = "missed"         // people told us, although an objective covers the service
	Slow          = "slow"           // monitoring told us, after more than DetectWithin
)

// Gap is an incident that monitoring saw late or not at all.
type Gap struct {
	Incident respond.ID    `json:"incident"`
	Service  string        `json:"service"`
	Kind     string        `json:"kind"` // of its cause
	Way      string        `json:"way"`
	FoundBy  string        `json:"found_by,omitempty"`
	Took     time.Duration `json:"took_ns"` // from when it began until it was known
}

// Advice is what would close gaps.
type Advice struct {
	Priority  string       `json:"priority"` // P0 or P1
	Issue     string       `json:"issue"`
	Action    string       `json:"action"`
	Incidents []respond.ID `json:"incidents"`
}

// Detection is how well monitoring saw what happened.
type Detection struct {
	ByMonitoring int      `json:"by_monitoring"`
	ByPeople     int      `json:"by_people"`
	ByCustomers  int      `json:"by_customers"` // of them
	Gaps         []Gap    `json:"gaps"`         // the oldest first
	Advice       []Advice `json:"advice"`       // the most urgent first
}

// Detect finds where monitoring is blind or slow, and what would help: more than two incidents of one cause that people had
// to tell us of are a P0, anything else is a P1. covered says whether an objective covers a service. Source: the MTTD
// analysis of Google's SRE practice.
func Detect(records []Record, covered func(service string) bool) Detection {
	d := Detection{Gaps: []Gap{}, Advice: []Advice{}}
	type cause struct{ way, service, kind string }
	causes := map[cause][]respond.ID{}
	var slow []respond.ID
	var late time.Duration
	for _, r := range records {
		i := r.Incident
		g := Gap{Incident: i.ID, Service: causeService(i), Kind: causeKind(i), FoundBy: i.FoundBy, Took: i.OpenedAt.Sub(onset(i))}
		switch {
		case i.FoundBy != "":
			d.ByPeople++
			if i.FoundBy == "customer" {
				d.ByCustomers++
			}
			if g.Way = NeverDetected; covered(g.Service) {
				g.Way = Missed
			}
			c := cause{g.Way, g.Service, g.Kind}
			causes[c] = append(causes[c], i.ID)
		default:
			d.ByMonitoring++
			if g.Took <= DetectWithin {
				continue
			}
			g.Way = Slow
			slow, late = append(slow, i.ID), late+g.Took
		}
		d.Gaps = append(d.Gaps, g)
	}
	for c, ids := range causes {
		a := Advice{Priority: "P1", Incidents: ids}
		if len(ids) > 2 {
			a.Priority = "P0"
		}
		where := cmp.Or(c.service, "a service that nobody named")
		if c.way == NeverDetected {
			a.Issue = fmt.Sprintf("monitoring is blind to %s of %s (%s)", c.kind, where, counted(len(ids)))
			a.Action = "declare an objective for " + where + ", or a synthetic monitor that does what its customers do"
		} else {
			a.Issue = fmt.Sprintf("the objectives of %s did not see %s (%s)", where, c.kind, counted(len(ids)))
			a.Action = "look at what its objectives count as good: people saw trouble that their numbers did not"
		}
		d.Advice = append(d.Advice, a)
	}
	if len(slow) > 0 {
		d.Advice = append(d.Advice, Advice{Priority: "P1", Incidents: slow,
			Issue:  fmt.Sprintf("%s took %s on average to detect, and should take less than %s", counted(len(slow)), (late / time.Duration(len(slow))).Round(time.Second), catalog.Duration(DetectWithin)),
			Action: "look at the thresholds of their alerts, and whether a forecast would have warned"})
	}
	slices.SortFunc(d.Advice, func(a, b Advice) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(len(b.Incidents), len(a.Incidents)), cmp.Compare(a.Issue, b.Issue))
	})
	return d
}

func counted(n int) string {
	if n == 1 {
		return "1 incident"
	}
	return fmt.Sprintf("%d incidents", n)
}
