package respond

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// Timers of a handoff. The first is of the incident, the others of the handoff.
const (
	jobHandoff = "respond.handoff" // coverage ends soon: both commanders are told
	jobPass    = "respond.pass"    // coverage is over: command is to pass
	jobOverdue = "respond.overdue" // it should have passed by now
)

// Timers returns the timers of respond.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobHandoff: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.coverageEnds(ctx, tx, ID(j.Key), now)
		},
		jobPass: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.pass(ctx, tx, HandoffID(j.Key), now)
		},
		jobOverdue: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.overdue(ctx, tx, HandoffID(j.Key), now)
		},
	}
}

// arm sets the timer of the next handoff, or removes it when command stays.
func (s *Service) arm(ctx context.Context, tx Tx, i Incident, now time.Time) error {
	at := announce(i, s.Catalog(), now)
	if at.IsZero() {
		return tx.Cancel(ctx, jobHandoff, string(i.ID))
	}
	return tx.Enqueue(ctx, job.New(jobHandoff, string(i.ID), at, nil))
}

// coverageEnds announces the handoff to whoever is on duty when the coverage of the commander's region is over, or their
// shift.
func (s *Service) coverageEnds(ctx context.Context, tx Tx, incident ID, now time.Time) error {
	i, err := tx.Incident(ctx, incident)
	if err != nil {
		return ignoreNotFound(err)
	}
	c := s.Catalog()
	at := announce(i, c, now)
	if at.IsZero() || at.After(now) { // the hours in the catalog are others now
		return s.arm(ctx, tx, i, now)
	}
	due := i.Command.Until
	if r := c.Regions[i.Command.Region]; r != nil {
		if end := r.Coverage.Until(now); !end.IsZero() {
			due = end
		}
	}
	if due.Before(now) {
		due = now
	}
	d := c.Duty(i.Regions, due)
	to, err := s.first(ctx, tx, d.Policy, due)
	if err != nil {
		return err
	}
	if to == i.Commander { // nobody has to be told anything
		i.Command.Region, i.Command.Until, i.Command.Reason = d.Region, d.Until, d.Reason
		if err := s.until(ctx, tx, &i, due); err != nil {
			return err
		}
		return s.commands(ctx, tx, i, event.System, fmt.Sprintf("%s keeps command, for %s from %s on", to, cmp.Or(d.Region, "all regions"), due.UTC().Format("15:04 UTC")), now)
	}
	return s.begin(ctx, tx, i, Handoff{To: to, ToRegion: d.Region, Policy: d.Policy, Reason: d.Reason, BegunBy: event.System, DueAt: due}, now)
}

// first returns whom a policy calls first at a time; "" when it finds nobody.
func (s *Service) first(ctx context.Context, tx Tx, policy string, at time.Time) (string, error) {
	made, err := overridesAt(ctx, tx, at)
	if err != nil {
		return "", err
	}
	if people := page.Called(s.Catalog(), policy, made, at); len(people) > 0 {
		return people[0], nil
	}
	return "", nil
}

// begin opens a handoff: its document is written, both commanders are told, and the timer of its due time is set.
func (s *Service) begin(ctx context.Context, tx Tx, i Incident, h Handoff, now time.Time) error {
	n, err := tx.NextNumber(ctx, "handoff")
	if err != nil {
		return err
	}
	h.ID, h.Incident, h.Group, h.State = HandoffID("HO-"+strconv.FormatInt(n, 10)), i.ID, i.Group, Announced
	h.From, h.FromRegion, h.BegunAt = i.Commander, i.Command.Region, now
	h.Synchronous, h.Within = manner(s.Catalog().Handoff(), i.Severity)
	if h.Document, err = s.document(ctx, tx, i, Document{}, now); err != nil {
		return err
	}
	i.Handoff = h.ID
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	if err := tx.SaveHandoff(ctx, h); err != nil {
		return err
	}
	at := h.DueAt.UTC().Format("15:04 UTC")
	if err := s.factOf(ctx, tx, KindHandoffAnnounced, h, h.BegunBy, fmt.Sprintf("command goes from %s at %s: %s", h.parties(), at, h.Reason), now); err != nil {
		return err
	}
	if err := tx.Enqueue(ctx, job.New(jobPass, string(h.ID), h.DueAt, nil)); err != nil {
		return err
	}
	if !h.DueAt.After(now) {
		return nil // they are told that it is due
	}
	if err := s.tell(ctx, tx, h, "soon", h.To, fmt.Sprintf("You take command of %s at %s", i.ID, at),
		fmt.Sprintf("%s %s. %s hands over to you at %s. Read the handoff document, and ask what it does not say.", i.Severity, i.Title, h.From, at), now); err != nil {
		return err
	}
	return s.tell(ctx, tx, h, "soon", h.From, fmt.Sprintf("You hand over %s at %s", i.ID, at),
		fmt.Sprintf("%s %s. Write the open questions and the next steps for %s into the handoff document.", i.Severity, i.Title, party(h.To, h.ToRegion)), now)
}

// tell has a person told about a handoff.
func (s *Service) tell(ctx context.Context, tx Tx, h Handoff, what, person, title, text string, now time.Time) error {
	if person == "" {
		return nil
	}
	return tx.Enqueue(ctx, page.TellJob(page.Tell{
		Key: fmt.Sprintf("%s/%s/%s", h.ID, what, person), About: string(h.Incident), Person: person, Kind: "handoff",
		Title: title, Text: text, Link: "/incidents/" + string(h.Incident) + "#handoff-title",
	}, now))
}

// pass asks the incoming commander to take command: by a call when the handoff is synchronous, by a notice otherwise.
func (s *Service) pass(ctx context.Context, tx Tx, id HandoffID, now time.Time) error {
	h, err := tx.Handoff(ctx, id)
	if err != nil || h.State != Announced {
		return ignoreNotFound(err)
	}
	i, err := tx.Incident(ctx, h.Incident)
	if err != nil {
		return ignoreNotFound(err)
	}
	h.State = Due
	h.Synchronous, h.Within = manner(s.Catalog().Handoff(), i.Severity) // it may have become worse
	if !h.Named {
		if to, err := s.first(ctx, tx, h.Policy, now); err != nil {
			return err
		} else if to != "" && to != h.From {
			h.To = to // the rota may have changed
		}
	}
	if h.Document, err = s.document(ctx, tx, i, h.Document, now); err != nil {
		return err
	}
	if err := tx.SaveHandoff(ctx, h); err != nil {
		return err
	}
	if err := tx.Enqueue(ctx, job.New(jobOverdue, string(h.ID), h.DueAt.Add(h.Within.D()), nil)); err != nil {
		return err
	}
	how := "is told"
	if h.Synchronous {
		how = "is called, and has command when they confirm that they have read the document"
		if err := s.ring(ctx, tx, i, h, now); err != nil {
			return err
		}
	} else if err := s.tell(ctx, tx, h, "due", h.To, fmt.Sprintf("Take command of %s", i.ID),
		fmt.Sprintf("%s %s. %s hands over to you. Read the handoff document and take command within %s.", i.Severity, i.Title, h.From, h.Within), now); err != nil {
		return err
	}
	return s.factOf(ctx, tx, KindHandoffDue, h, h.BegunBy, fmt.Sprintf("%s hands over now: %s %s", h.From, party(h.To, h.ToRegion), how), now)
}

// ring calls the incoming commander.
func (s *Service) ring(ctx context.Context, tx Tx, i Incident, h Handoff, now time.Time) error {
	c := page.Call{
		Group: h.callGroup(), For: string(i.ID), Service: i.Service, Severity: i.Severity, Policy: h.Policy,
		Title: fmt.Sprintf("Take over %s: %s", i.ID, i.Title), Context: i.brief(now) + " " + h.From + " hands over. Acknowledge to take command.",
		Reason: fmt.Sprintf("%s hands over to %s", h.From, party(h.To, h.ToRegion)),
	}
	if h.Synchronous {
		c.Context = i.brief(now) + " " + h.From + " hands over. Read the handoff document in the incident and confirm there: acknowledging alone does not give you command."
	}
	if h.Named {
		c.First = []string{h.To}
	}
	return tx.Enqueue(ctx, page.CallJob(c, now))
}

// overdue says that command has not passed in time: to the global commander when it needs a confirmation; otherwise the
// incoming region's chain is called.
func (s *Service) overdue(ctx context.Context, tx Tx, id HandoffID, now time.Time) error {
	h, err := tx.Handoff(ctx, id)
	if err != nil || h.State != Due {
		return ignoreNotFound(err)
	}
	i, err := tx.Incident(ctx, h.Incident)
	if err != nil {
		return ignoreNotFound(err)
	}
	h.OverdueAt = now
	if err := tx.SaveHandoff(ctx, h); err != nil {
		return err
	}
	text := fmt.Sprintf("%s did not take command within %s: %s keeps it", party(h.To, h.ToRegion), h.Within, h.From)
	if !h.Synchronous {
		text += ", and the chain is called"
		if err := s.ring(ctx, tx, i, h, now); err != nil {
			return err
		}
	} else if global, err := s.first(ctx, tx, catalog.PolicyGlobal, now); err != nil {
		return err
	} else if global != "" {
		text += ", and " + global + ", the global commander, is told"
		if err := s.tell(ctx, tx, h, "overdue", global, fmt.Sprintf("The handoff of %s is late", i.ID), text, now); err != nil {
			return err
		}
	}
	return s.factOf(ctx, tx, KindHandoffOverdue, h, event.System, text, now)
}

// handoffAnswered notes that somebody acknowledged the call of a handoff. Command passes with it unless the handoff needs
// a confirmation.
func (s *Service) handoffAnswered(ctx context.Context, tx Tx, id HandoffID, by string, now time.Time) error {
	h, err := tx.Handoff(ctx, id)
	if err != nil || !h.Active() || by == h.From {
		return ignoreNotFound(err)
	}
	if !h.Synchronous {
		return s.accept(ctx, tx, h, by, now)
	}
	h.AnsweredBy, h.AnsweredAt = by, now
	if err := tx.SaveHandoff(ctx, h); err != nil {
		return err
	}
	return s.factOf(ctx, tx, KindHandoffAnswered, h, by, fmt.Sprintf("%s answered; command passes when they confirm that they have read the document", by), now)
}

func (s *Service) accept(ctx context.Context, tx Tx, h Handoff, by string, now time.Time) error {
	i, err := tx.Incident(ctx, h.Incident)
	if err != nil {
		return err
	}
	if err := h.accept(i, by); err != nil {
		return err
	}
	h = h.accepted(by, s.Catalog().Handoff(), now)
	i.Handoff, i.Commander = "", by
	i.Command = Command{Region: h.ToRegion, Reason: h.Reason, Widened: i.Command.Widened}
	if r := s.Catalog().Regions[h.ToRegion]; r != nil {
		i.Command.Until = r.Coverage.Until(later(now, h.DueAt))
	}
	if err := s.until(ctx, tx, &i, later(now, h.DueAt)); err != nil {
		return err
	}
	if err := s.closeHandoff(ctx, tx, h, h.Reason, now); err != nil {
		return err
	}
	if err := s.factOf(ctx, tx, KindHandoffAccepted, h, by, fmt.Sprintf("%s has read the document and takes command from %s, %s after it was due", by, h.From, catalog.Duration(h.Took().Round(time.Second))), now); err != nil {
		return err
	}
	if err := s.tell(ctx, tx, h, "over", h.From, fmt.Sprintf("%s has command of %s", by, i.ID),
		fmt.Sprintf("You are off. Please stay reachable for questions until %s.", h.QuestionsUntil.UTC().Format("15:04 UTC")), now); err != nil {
		return err
	}
	return s.commands(ctx, tx, i, by, by+" has command", now)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// closeHandoff saves a handoff that is over, with its timers and its call.
func (s *Service) closeHandoff(ctx context.Context, tx Tx, h Handoff, reason string, now time.Time) error {
	if err := tx.SaveHandoff(ctx, h); err != nil {
		return err
	}
	for _, kind := range []string{jobPass, jobOverdue} {
		if err := tx.Cancel(ctx, kind, string(h.ID)); err != nil {
			return err
		}
	}
	return page.EndCall(ctx, tx, h.callGroup(), reason, now)
}

// endHandoff ends the handoff that an incident has, without command having passed. The caller saves the incident.
func (s *Service) endHandoff(ctx context.Context, tx Tx, i *Incident, by, reason string, now time.Time) error {
	if i.Handoff == "" {
		return nil
	}
	h, err := tx.Handoff(ctx, i.Handoff)
	if err != nil {
		return err
	}
	i.Handoff = ""
	h.State, h.EndedAt, h.Reason = Ended, now, reason
	if err := s.closeHandoff(ctx, tx, h, reason, now); err != nil {
		return err
	}
	return s.factOf(ctx, tx, KindHandoffEnded, h, by, fmt.Sprintf("%s is not needed any more: %s", h.ID, reason), now)
}

// factOf appends a fact about a handoff to the timeline of its incident.
func (s *Service) factOf(ctx context.Context, tx Tx, kind string, h Handoff, actor, text string, now time.Time) error {
	e := event.New(kind, now, actor, string(h.ID), text, HandedOff{h})
	e.Group = string(h.Group)
	return tx.Append(ctx, e)
}

// HandOver begins a handoff at once: to a person, or to whoever is on duty next. It takes the place of one that is on its
// way.
func (s *Service) HandOver(ctx context.Context, incident ID, to, by string, now time.Time) (h Handoff, err error) {
	c := s.Catalog()
	if to != "" && c.People[to] == nil {
		return h, errs.New(errs.Invalid, "there is no person named %q in the catalog", to)
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		i, err := s.openIncident(ctx, tx, incident)
		if err != nil {
			return err
		}
		switch i.Commander {
		case "":
			return errs.New(errs.Conflict, "nobody has command of %s, so nobody can hand it over; give command to somebody", incident)
		case to:
			return errs.New(errs.Conflict, "%s has command of %s already", to, incident)
		}
		h = Handoff{To: to, Named: to != "", BegunBy: by, DueAt: now, Reason: by + " hands over to " + to}
		if err := s.next(ctx, tx, i, &h, now); err != nil {
			return err
		}
		if err := s.endHandoff(ctx, tx, &i, by, by+" hands over now", now); err != nil {
			return err
		}
		if err := s.begin(ctx, tx, i, h, now); err != nil {
			return err
		}
		if i, err = tx.Incident(ctx, incident); err != nil {
			return err
		}
		if err := tx.Cancel(ctx, jobPass, string(i.Handoff)); err != nil {
			return err
		}
		if err := s.pass(ctx, tx, i.Handoff, now); err != nil {
			return err
		}
		h, err = tx.Handoff(ctx, i.Handoff)
		return err
	})
	return h, err
}

// next finds to which region command goes, and by which policy its commander is called: that of the person who is named, or
// the one that is on duty when the coverage of the commander's region is over.
func (s *Service) next(ctx context.Context, tx Tx, i Incident, h *Handoff, now time.Time) (err error) {
	c := s.Catalog()
	if h.Named {
		if h.ToRegion, _, err = s.regionOf(ctx, tx, h.To, now); err != nil {
			return err
		}
		h.Policy = c.Duty(i.Regions, now).Policy
		if h.ToRegion != "" {
			h.Policy = catalog.RegionPolicy(h.ToRegion)
		}
		return nil
	}
	d := c.Duty(i.Regions, later(now, i.Command.Until))
	h.ToRegion, h.Policy, h.Reason = d.Region, d.Policy, d.Reason
	if h.To, err = s.first(ctx, tx, d.Policy, later(now, i.Command.Until)); err != nil {
		return err
	}
	if h.To == "" || h.To == i.Commander {
		return errs.New(errs.Conflict, "nobody else is on duty next; name the person who takes over")
	}
	return nil
}

// Accept passes command: the actor has read the document.
func (s *Service) Accept(ctx context.Context, id HandoffID, by string, now time.Time) error {
	if !detect.IsPerson(by) {
		return errs.New(errs.Invalid, "only a person can take command, and %q is none; sign in as the person who takes over", by)
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		h, err := tx.Handoff(ctx, id)
		if err != nil {
			return err
		}
		return s.accept(ctx, tx, h, by, now)
	})
}

// EndHandoff ends a handoff: the commander keeps command.
func (s *Service) EndHandoff(ctx context.Context, id HandoffID, by, reason string, now time.Time) error {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > 500 {
		return errs.New(errs.Invalid, "say in 1 to 500 characters why the handoff is not needed")
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		h, err := tx.Handoff(ctx, id)
		if err != nil {
			return err
		}
		if !h.Active() {
			return errs.New(errs.Conflict, "%s is %s: %s", h.ID, h.State, h.Reason)
		}
		i, err := tx.Incident(ctx, h.Incident)
		if err != nil {
			return err
		}
		if err := s.endHandoff(ctx, tx, &i, by, reason, now); err != nil {
			return err
		}
		return tx.SaveIncident(ctx, i)
	})
}

// change loads a handoff, changes it and appends a fact.
func (s *Service) change(ctx context.Context, id HandoffID, kind, by string, now time.Time, fn func(tx Tx, h Handoff) (Handoff, string, error)) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		h, err := tx.Handoff(ctx, id)
		if err != nil {
			return err
		}
		h, text, err := fn(tx, h)
		if err != nil {
			return err
		}
		if err := tx.SaveHandoff(ctx, h); err != nil {
			return err
		}
		return s.factOf(ctx, tx, kind, h, by, text, now)
	})
}

// EditDocument writes the open questions and the next steps of a handoff that is not ended.
func (s *Service) EditDocument(ctx context.Context, id HandoffID, questions, next, by string, now time.Time) error {
	if len(questions) > 8000 || len(next) > 8000 {
		return errs.New(errs.Invalid, "questions and next have at most 8,000 characters each; they have %d and %d", len(questions), len(next))
	}
	return s.change(ctx, id, KindHandoffEdited, by, now, func(_ Tx, h Handoff) (Handoff, string, error) {
		if h.State == Ended {
			return h, "", errs.New(errs.Conflict, "%s is ended: %s", h.ID, h.Reason)
		}
		h.Document.Questions, h.Document.Next = strings.TrimSpace(questions), strings.TrimSpace(next)
		h.Document.EditedBy, h.Document.EditedAt = by, now
		return h, by + " wrote into the handoff document", nil
	})
}

// Ask asks the outgoing commander.
func (s *Service) Ask(ctx context.Context, id HandoffID, text, by string, now time.Time) error {
	if text = strings.TrimSpace(text); text == "" || len(text) > 2000 {
		return errs.New(errs.Invalid, "a question has 1 to 2,000 characters; this has %d", len(text))
	}
	return s.change(ctx, id, KindHandoffAsked, by, now, func(tx Tx, h Handoff) (Handoff, string, error) {
		h, err := h.ask(text, by, now)
		if err != nil {
			return h, "", err
		}
		n := strconv.Itoa(len(h.Questions))
		return h, by + " asks: " + text, s.tell(ctx, tx, h, "question/"+n, h.From, by+" asks about "+string(h.Incident), text, now)
	})
}

// Reply answers question n of a handoff, the first being 1. Already says that the document had the answer.
func (s *Service) Reply(ctx context.Context, id HandoffID, n int, text string, already bool, by string, now time.Time) error {
	if text = strings.TrimSpace(text); text == "" && !already || len(text) > 2000 {
		return errs.New(errs.Invalid, "an answer has 1 to 2,000 characters; it may be empty when the document said so already")
	}
	return s.change(ctx, id, KindHandoffReplied, by, now, func(tx Tx, h Handoff) (Handoff, string, error) {
		h, err := h.reply(n, text, by, already, now)
		if err != nil {
			return h, "", err
		}
		said := text
		if already {
			said = strings.TrimSpace("It was in the document already. " + text)
		}
		q := h.Questions[n-1]
		return h, by + " answers: " + said, s.tell(ctx, tx, h, "answer/"+strconv.Itoa(n), q.By, by+" answers about "+string(h.Incident), q.Text+"\n\n"+said, now)
	})
}

// HandoffOf returns a handoff, with code not_found when there is none.
func (s *Service) HandoffOf(ctx context.Context, id HandoffID) (h Handoff, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		h, err = tx.Handoff(ctx, id)
		return err
	})
	return h, err
}

// Handoffs returns the handoffs of an incident, or of all when it is empty, the newest first.
func (s *Service) Handoffs(ctx context.Context, incident ID, limit int) (out []Handoff, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Handoffs(ctx, incident, limit)
		return err
	})
	return out, err
}

// Quality measures the newest thousand handoffs.
func (s *Service) Quality(ctx context.Context, now time.Time) (Quality, error) {
	hs, err := s.Handoffs(ctx, "", 1000)
	return Measure(hs, s.Catalog().Handoff(), now), err
}
