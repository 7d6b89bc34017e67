package rota

import (
	"maps"
	"slices"
	"time"
)

// Watch is what the people of a schedule were told so far.
type Watch struct {
	Schedule string               `json:"schedule"`
	At       time.Time            `json:"at"`   // when the schedule was looked at last
	On       []string             `json:"on"`   // who is on call, as far as they were told
	Soon     map[string]time.Time `json:"soon"` // who was told that they will be, and from when
}

// TellKind says what somebody is told about being on call.
type TellKind string

// What people are told.
const (
	TellSoon TellKind = "soon" // you will be on call
	TellNow  TellKind = "now"  // you are on call
	TellOver TellKind = "over" // you are not any more
)

// Tell is one thing that one person is told.
type Tell struct {
	Kind     TellKind
	Person   string
	From, To time.Time // of the time on call; To is zero when no end is in sight
	With     []string  // who else is on call then, or for over who is on call after
}

// lull is the longest pause between two shifts of a person, of office hours for example, over which nothing is said. A
// pause as long as the lead, or of a day, is one to speak of.
const lull = day

// lookEvery bounds how long a schedule is not looked at.
const lookEvery = 6 * time.Hour

// Look decides what people are told now, lead before they are on call and when it changes, and when to look again. The
// first look, with a zero Watch, tells nobody: everything that is the case is taken for known.
func (r *Rota) Look(w Watch, lead time.Duration, now time.Time) (next Watch, tells []Tell, due time.Time) {
	pause := min(lead, lull)
	busy := r.busy(now.Add(-pause), now.Add(lead+2*pause+lookEvery), pause)
	next = Watch{Schedule: r.schedule.Name, At: now, On: []string{}, Soon: map[string]time.Time{}}
	due = now.Add(lookEvery)
	wake := func(at time.Time) {
		if at.After(now) {
			due = earlier(due, at)
		}
	}
	first := w.At.IsZero()
	on := r.At(now)
	for _, person := range slices.Sorted(maps.Keys(busy)) {
		for _, s := range busy[person] {
			wake(s.From.Add(-lead))
			wake(s.From)
			if !s.To.IsZero() {
				wake(s.To)
			}
			switch {
			case !s.To.IsZero() && !s.To.After(now): // over
			case !s.From.After(now):
				next.On = append(next.On, person)
				if !first && !slices.Contains(w.On, person) {
					tells = append(tells, Tell{Kind: TellNow, Person: person, From: s.From, To: s.To, With: without(on.People(), person)})
				}
			case !s.From.After(now.Add(lead)):
				if _, has := next.Soon[person]; has {
					continue // the one before it comes first
				}
				next.Soon[person] = s.From
				if told, ok := w.Soon[person]; !first && !(ok && told.Equal(s.From)) {
					tells = append(tells, Tell{Kind: TellSoon, Person: person, From: s.From, To: s.To, With: without(r.At(s.From).People(), person)})
				}
			}
		}
	}
	for _, person := range w.On {
		if !slices.Contains(next.On, person) {
			tells = append(tells, Tell{Kind: TellOver, Person: person, To: now, With: on.People()})
		}
	}
	r.ends(tells, now.Add(-pause), pause)
	return next, tells, due
}

// ends finds how long the time on call lasts where the look did not reach its end.
func (r *Rota) ends(tells []Tell, from time.Time, pause time.Duration) {
	var far map[string][]Span
	for i, t := range tells {
		if t.Kind == TellOver || !t.To.IsZero() {
			continue
		}
		if far == nil {
			far = r.busy(from, from.Add(62*day), pause)
		}
		for _, s := range far[t.Person] {
			if !s.From.After(t.From) && (s.To.IsZero() || s.To.After(t.From)) {
				tells[i].To = s.To
			}
		}
	}
}

// busy returns when each person is on call between two times. Pauses that are shorter than pause do not count, and the last
// stretch has no end when it reaches the end of the look.
func (r *Rota) busy(from, to time.Time, pause time.Duration) map[string][]Span {
	out := map[string][]Span{}
	for _, sh := range r.Between(from, to) {
		end := sh.To
		if end.IsZero() || end.After(to) {
			end = to
		}
		begin := later(sh.From, from)
		for _, person := range sh.People() {
			ss := out[person]
			if n := len(ss); n > 0 && (begin.Sub(ss[n-1].To) < pause || begin.Equal(ss[n-1].To)) {
				ss[n-1].To = end
			} else {
				ss = append(ss, Span{begin, end})
			}
			out[person] = ss
		}
	}
	for _, ss := range out {
		if n := len(ss); !ss[n-1].To.Before(to) {
			ss[n-1].To = time.Time{}
		}
	}
	return out
}

func without(people []string, person string) []string {
	return slices.DeleteFunc(people, func(p string) bool { return p == person })
}
