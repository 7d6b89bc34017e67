package respond

import (
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// HandoffID names a handoff, such as HO-3.
type HandoffID string

// HandoffState is how far a handoff got; see the package comment.
type HandoffState string

// States of a handoff.
const (
	Announced HandoffState = "announced" // both commanders were told, and the document is written
	Due       HandoffState = "due"       // the incoming commander is asked to take command
	Accepted  HandoffState = "accepted"  // command has passed
	Ended     HandoffState = "ended"     // it is not needed any more
)

// Handoff is command of an incident on its way from one commander to the next.
type Handoff struct {
	ID             HandoffID        `json:"id"`
	Incident       ID               `json:"incident"`
	Group          detect.GroupID   `json:"group"` // of the incident
	State          HandoffState     `json:"state"`
	Synchronous    bool             `json:"synchronous"` // command passes only when the incoming commander confirms that they read the document
	FromRegion     string           `json:"from_region,omitempty"`
	From           string           `json:"from"`
	ToRegion       string           `json:"to_region,omitempty"`
	To             string           `json:"to,omitempty"`         // who is expected; anybody who accepts has command
	Named          bool             `json:"named,omitempty"`      // To was asked for by name, and not found by the rota
	Policy         string           `json:"policy,omitempty"`     // that calls the incoming commander
	BegunBy        string           `json:"begun_by"`             // a person, or nightkeeper at the end of coverage
	Reason         string           `json:"reason"`               // why to this region, or why it ended
	BegunAt        time.Time        `json:"begun_at"`             // when both were told
	DueAt          time.Time        `json:"due_at"`               // when command is to pass
	Within         catalog.Duration `json:"within"`               // how long after that it may take
	AnsweredAt     time.Time        `json:"answered_at,omitzero"` // when the call was acknowledged; command may pass later
	AnsweredBy     string           `json:"answered_by,omitempty"`
	AcceptedAt     time.Time        `json:"accepted_at,omitzero"`
	AcceptedBy     string           `json:"accepted_by,omitempty"`
	OverdueAt      time.Time        `json:"overdue_at,omitzero"` // when it was said to be late
	QuestionsUntil time.Time        `json:"questions_until,omitzero"`
	EndedAt        time.Time        `json:"ended_at,omitzero"`
	Document       Document         `json:"document"`
	Questions      []Question       `json:"questions,omitempty"`
}

// Question is what the incoming commander asks the outgoing one.
type Question struct {
	Text       string    `json:"text"`
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Answer     string    `json:"answer,omitempty"`
	AnsweredBy string    `json:"answered_by,omitempty"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	Already    bool      `json:"already,omitempty"` // the document said so already: context was lost
}

// Active reports whether the handoff is on its way.
func (h Handoff) Active() bool { return h.State == Announced || h.State == Due }

// Overdue reports whether command should have passed by now.
func (h Handoff) Overdue(now time.Time) bool {
	return h.State == Due && !now.Before(h.DueAt.Add(h.Within.D()))
}

// Took returns how long after it was due command passed; it is zero when it passed before.
func (h Handoff) Took() time.Duration { return max(h.AcceptedAt.Sub(h.DueAt), 0) }

// Lost reports whether context was lost: somebody asked what the document said already.
func (h Handoff) Lost() bool {
	return slices.ContainsFunc(h.Questions, func(q Question) bool { return q.Already })
}

// group of the page that calls the incoming commander.
func (h Handoff) callGroup() detect.GroupID { return detect.GroupID("handoff/" + string(h.ID)) }

// manner says how a handoff of a severity goes: whether it needs a confirmation, and how long it may take.
func manner(rules catalog.Handoff, s detect.Severity) (synchronous bool, within catalog.Duration) {
	if slices.Contains(rules.Synchronous, string(s)) {
		return true, rules.SyncWithin
	}
	return false, rules.AsyncWithin
}

// announce decides when the handoff of an incident is announced: some time before the coverage of the region that commands
// ends, or before the shift of the commander does where there is no such end. It is zero when command stays: nobody commands,
// or no end is in sight.
func announce(i Incident, c *catalog.Catalog, now time.Time) time.Time {
	r := c.Regions[i.Command.Region]
	if !i.Open() || i.Commander == "" {
		return time.Time{}
	}
	var end time.Time
	if r != nil {
		end = r.Coverage.Until(now)
	}
	if end.IsZero() {
		end = i.Command.Until // it is over already, or that of a shift
	}
	if end.IsZero() {
		return time.Time{}
	}
	at := end.Add(-c.Handoff().NoticeBefore.D())
	if at.Before(now) {
		return now
	}
	return at
}

// accept decides whether somebody may take command by a handoff.
func (h Handoff) accept(i Incident, by string) error {
	switch {
	case !h.Active():
		return errs.New(errs.Conflict, "%s is %s: %s", h.ID, h.State, h.Reason)
	case by == i.Commander:
		return errs.New(errs.Conflict, "%s has command of %s already; end the handoff to keep it", by, i.ID)
	}
	return nil
}

// accepted returns the handoff with command passed.
func (h Handoff) accepted(by string, rules catalog.Handoff, now time.Time) Handoff {
	h.State, h.AcceptedBy, h.AcceptedAt = Accepted, by, now
	h.QuestionsUntil = now.Add(rules.QuestionsFor.D())
	h.Reason = by + " took command"
	return h
}

// ask adds a question, or says why it is too late.
func (h Handoff) ask(text, by string, now time.Time) (Handoff, error) {
	switch {
	case h.State == Ended:
		return h, errs.New(errs.Conflict, "%s is ended: %s", h.ID, h.Reason)
	case h.State == Accepted && now.After(h.QuestionsUntil):
		return h, errs.New(errs.Conflict, "questions could be asked until %s; write a note in %s", h.QuestionsUntil.UTC().Format("15:04 UTC"), h.Incident)
	case by == h.From:
		return h, errs.New(errs.Conflict, "%s hands over, and is the one who answers", by)
	case len(h.Questions) >= maxQuestions:
		return h, errs.New(errs.Conflict, "%d questions were asked: talk to each other", maxQuestions)
	}
	h.Questions = append(slices.Clone(h.Questions), Question{Text: text, By: by, At: now})
	return h, nil
}

const maxQuestions = 50

// reply answers a question, the first being 1.
func (h Handoff) reply(n int, text, by string, already bool, now time.Time) (Handoff, error) {
	if n < 1 || n > len(h.Questions) {
		return h, errs.New(errs.NotFound, "%s has no question %d; it has %d", h.ID, n, len(h.Questions))
	}
	h.Questions = slices.Clone(h.Questions)
	q := &h.Questions[n-1]
	q.Answer, q.AnsweredBy, q.AnsweredAt, q.Already = text, by, now, already
	return h, nil
}

// Quality is how well command is handed over.
type Quality struct {
	Handoffs    int     `json:"handoffs"` // accepted ones
	Sync        Speed   `json:"synchronous"`
	Async       Speed   `json:"asynchronous"`
	Questions   int     `json:"questions"`
	Already     int     `json:"already"`      // questions that the document answered already
	Lost        int     `json:"lost"`         // handoffs with such a question
	LostShare   float64 `json:"lost_share"`   // of the accepted ones
	LostTarget  float64 `json:"lost_target"`  // should stay under this
	Ended       int     `json:"ended"`        // not needed any more
	Unfinished  int     `json:"unfinished"`   // on their way
	OverdueOpen int     `json:"overdue_open"` // on their way, and late
}

// Speed is how fast the handoffs of one kind are.
type Speed struct {
	Handoffs int              `json:"handoffs"`
	Median   catalog.Duration `json:"median"` // from due to accepted
	InTime   int              `json:"in_time"`
	Share    float64          `json:"share"`  // in time, of all
	Target   catalog.Duration `json:"target"` // of those to come; each one counts by its own
}

// LostTarget is the share of handoffs that may lose context.
const LostTarget = 0.10

// Measure counts how well command was handed over.
func Measure(hs []Handoff, rules catalog.Handoff, now time.Time) Quality {
	q := Quality{LostTarget: LostTarget, Sync: Speed{Target: rules.SyncWithin}, Async: Speed{Target: rules.AsyncWithin}}
	took := map[bool][]time.Duration{}
	for _, h := range hs {
		switch {
		case h.State == Ended:
			q.Ended++
			continue
		case h.Active():
			q.Unfinished++
			if h.Overdue(now) {
				q.OverdueOpen++
			}
			continue
		}
		q.Handoffs++
		took[h.Synchronous] = append(took[h.Synchronous], h.Took())
		sp := &q.Async
		if h.Synchronous {
			sp = &q.Sync
		}
		sp.Handoffs++
		if h.Took() <= h.Within.D() {
			sp.InTime++
		}
		q.Questions += len(h.Questions)
		for _, x := range h.Questions {
			if x.Already {
				q.Already++
			}
		}
		if h.Lost() {
			q.Lost++
		}
	}
	for sync, sp := range map[bool]*Speed{true: &q.Sync, false: &q.Async} {
		if sp.Handoffs > 0 {
			sp.Median, sp.Share = catalog.Duration(median(took[sync])), float64(sp.InTime)/float64(sp.Handoffs)
		}
	}
	if q.Handoffs > 0 {
		q.LostShare = float64(q.Lost) / float64(q.Handoffs)
	}
	return q
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	n := len(ds)
	return ((ds[(n-1)/2] + ds[n/2]) / 2).Round(time.Second)
}

// parties says from whom to whom command goes.
func (h Handoff) parties() string {
	return fmt.Sprintf("%s to %s", party(h.From, h.FromRegion), party(h.To, h.ToRegion))
}

func party(person, region string) string {
	switch {
	case person == "" && region == "":
		return "the global commander"
	case person == "":
		return region
	case region == "":
		return person
	}
	return person + " (" + region + ")"
}
