package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // schedules are read alike on machines without time zones

	"github.com/goccy/go-yaml/ast"
)

// Schedule says who is on call: layers of people who take turns, and overrides above them. The form with start, turn and
// members at the top means one layer without a name.
type Schedule struct {
	Meta         `yaml:"-"`
	TimeZone     string     `yaml:"timeZone"`
	Start        Time       `yaml:"start"`
	Turn         Turn       `yaml:"turn"` // default 7d; whole days and months keep their local hour over clock changes
	Members      []Crew     `yaml:"members"`
	Layers       []Layer    `yaml:"layers"`
	Overrides    []Override `yaml:"overrides"`
	NoticeBefore Duration   `yaml:"noticeBefore"` // how long before a shift its people are told; default 24h, 0 tells nobody

	zones map[string]*time.Location // read once when the catalog is checked
}

// Layer is one rotation of a schedule. A later layer stands above an earlier one where it has somebody.
type Layer struct {
	Name         string        `yaml:"name"`
	TimeZone     string        `yaml:"timeZone"` // default that of the schedule
	Start        Time          `yaml:"start"`    // when some turn of the first member begins
	Turn         Turn          `yaml:"turn"`     // default 7d
	Members      []Crew        `yaml:"members"`
	From         Time          `yaml:"from"`  // default start
	Until        Time          `yaml:"until"` // default never
	Restrictions []Restriction `yaml:"restrictions"`
}

// Crew is who takes one turn: a person, or several at once.
type Crew []string

// Turn is how long each crew is on call: a length, or months.
type Turn struct {
	length time.Duration
	Months int // 0: it is a length
}

// Every returns a turn of a length.
func Every(d time.Duration) Turn { return Turn{length: d} }

// D returns the length; 0 of a turn of months, which are not always as long.
func (t Turn) D() time.Duration { return t.length }

// String writes the turn as it is declared.
func (t Turn) String() string {
	if t.Months == 1 {
		return "1 month"
	}
	if t.Months > 1 {
		return strconv.Itoa(t.Months) + " months"
	}
	return Duration(t.length).String()
}

// turnMonths is a turn of months, anyMonths one with something else beside them.
var (
	turnMonths = regexp.MustCompile(`(?i)^([0-9]{1,4}) *(?:mo|mos|month|months)$`)
	anyMonths  = regexp.MustCompile(`(?i)[0-9] *(?:mo|mos|month|months)\b`)
)

// UnmarshalYAML reads a duration or a number of months.
func (t *Turn) UnmarshalYAML(n ast.Node) error {
	text := strings.TrimSpace(scalar(n))
	if m := turnMonths.FindStringSubmatch(text); m != nil {
		months, err := strconv.Atoi(m[1])
		if err != nil || months == 0 {
			return &placed{fmt.Sprintf("%q is no turn; write 1 month or more", text), n.GetToken()}
		}
		*t = Turn{Months: months}
		return nil
	}
	if anyMonths.MatchString(text) {
		return &placed{fmt.Sprintf("%q is no turn; months stand alone: write 1 month, or a duration such as 7d", text), n.GetToken()}
	}
	d, err := ParseDuration(text)
	if err != nil {
		return &placed{err.Error(), n.GetToken()}
	}
	*t = Every(d)
	return nil
}

// Crews returns a crew of one for each name.
func Crews(names ...string) []Crew {
	out := make([]Crew, len(names))
	for i, n := range names {
		out[i] = Crew{n}
	}
	return out
}

// UnmarshalYAML reads a name, or a list of names.
func (c *Crew) UnmarshalYAML(n ast.Node) error {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		*c = Crew{scalar(n)}
		return nil
	}
	*c = Crew{}
	for _, v := range list.Values {
		*c = append(*c, scalar(v))
	}
	return nil
}

// Restriction limits a layer to some hours. With days, or without a day in from and to, it is a time of day; with a day
// in both it is a part of the week.
type Restriction struct {
	Days []Weekday `yaml:"days"` // default every day
	From Clock     `yaml:"from"`
	To   Clock     `yaml:"to"` // at or before from: on the next day, or in the next week
}

// Weekday is a day of the week as it is written: mon or Monday.
type Weekday string

// Day returns the day of the week.
func (w Weekday) Day() (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); len(w) >= 3 && len(w) <= len(name) && strings.EqualFold(name[:len(w)], string(w)) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not a day of the week; write mon, tue, wed, thu, fri, sat or sun", string(w))
}

// UnmarshalYAML reads the day as it is written.
func (w *Weekday) UnmarshalYAML(n ast.Node) error {
	*w = Weekday(scalar(n))
	if _, err := w.Day(); err != nil {
		return &placed{err.Error(), n.GetToken()}
	}
	return nil
}

// Clock is a time of day as it is written, on a day of the week or not: 09:00, 17:30:00, fri 17:00, 24:00.
type Clock string

// Parse returns the seconds since midnight, and the day when one is written.
func (c Clock) Parse() (seconds int, day time.Weekday, hasDay bool, err error) {
	at := string(c)
	if name, rest, ok := strings.Cut(at, " "); ok {
		if day, err = Weekday(name).Day(); err != nil {
			return 0, 0, false, err
		}
		hasDay, at = true, strings.TrimLeft(rest, " ")
	}
	unit, parts := 3600, 0
	for p := range strings.SplitSeq(at, ":") {
		n, err := strconv.Atoi(p)
		if err != nil || len(p) > 2 || n < 0 || parts > 0 && n > 59 || parts > 2 {
			return 0, 0, false, errClock(c)
		}
		seconds += n * unit
		unit /= 60
		parts++
	}
	if parts < 2 || seconds > 24*3600 {
		return 0, 0, false, errClock(c)
	}
	return seconds, day, hasDay, nil
}

func errClock(c Clock) error {
	return fmt.Errorf("%q is not a time of day; write 09:00, or fri 17:00 for a part of the week", string(c))
}

// UnmarshalYAML reads the time as it is written.
func (c *Clock) UnmarshalYAML(n ast.Node) error {
	*c = Clock(scalar(n))
	if _, _, _, err := c.Parse(); err != nil {
		return &placed{err.Error(), n.GetToken()}
	}
	return nil
}

// Override puts people on call for a while: instead of everybody, or instead of one.
type Override struct {
	Person  string   `yaml:"person"`
	People  []string `yaml:"people"` // several at once
	Instead string   `yaml:"instead"`
	From    Time     `yaml:"from"`
	To      Time     `yaml:"to"`
	Reason  string   `yaml:"reason"`
}

// Crew returns who stands in.
func (o Override) Crew() Crew {
	if o.Person != "" {
		return append(Crew{o.Person}, o.People...)
	}
	return o.People
}

// AsLayers returns the layers of a schedule, also of one in the simple form.
func (s *Schedule) AsLayers() []Layer {
	if len(s.Layers) > 0 {
		return s.Layers
	}
	return []Layer{{TimeZone: s.TimeZone, Start: s.Start, Turn: s.Turn, Members: s.Members}}
}

// Zone returns the time zone of a layer, or of the schedule for "".
func (s *Schedule) Zone(name string) (*time.Location, error) {
	if name == "" {
		name = s.TimeZone
	}
	if loc := s.zones[name]; loc != nil {
		return loc, nil
	}
	return time.LoadLocation(name)
}

// Locate reads the time zones of schedules once and for all; the loader does it for the ones it reads. Zone would read them
// from their files each time.
func Locate(ss ...*Schedule) error {
	known := map[string]*time.Location{}
	for _, s := range ss {
		zones := map[string]*time.Location{}
		for _, name := range append([]string{s.TimeZone}, layerZones(s)...) {
			if known[name] == nil {
				loc, err := time.LoadLocation(name)
				if err != nil {
					return fmt.Errorf("schedule %s: %w", s.Name, err)
				}
				known[name] = loc
			}
			zones[name] = known[name]
		}
		s.zones = zones
	}
	return nil
}

func layerZones(s *Schedule) []string {
	var out []string
	for _, l := range s.Layers {
		if l.TimeZone != "" {
			out = append(out, l.TimeZone)
		}
	}
	return out
}

// People returns everybody who is named in a schedule, in the order of the text.
func (s *Schedule) People() []string {
	var out []string
	add := func(names []string) {
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, l := range s.AsLayers() {
		for _, c := range l.Members {
			add(c)
		}
	}
	for _, o := range s.Overrides {
		add(o.Crew())
	}
	return out
}

func (l *loader) checkSchedule(s *Schedule) {
	s.zones = map[string]*time.Location{}
	loc := l.zone("Schedule", s.Name, "$.spec.timeZone", s.TimeZone)
	s.zones[s.TimeZone] = loc
	switch {
	case len(s.Layers) == 0:
		l.checkLayer(s, "$.spec", s.AsLayers()[0])
	case s.Start != "" || len(s.Members) > 0:
		l.at("Schedule", s.Name, "$.spec.layers", "a schedule has layers, or start, turn and members, not both")
	}
	names := map[string]bool{}
	for i := range s.Layers {
		if s.Layers[i].Turn == (Turn{}) {
			s.Layers[i].Turn = Every(week)
		}
		la := s.Layers[i]
		where := fmt.Sprintf("$.spec.layers[%d]", i)
		if la.Name == "" || names[la.Name] {
			l.at("Schedule", s.Name, where, "each layer has a name of its own; this is %q", la.Name)
		}
		names[la.Name] = true
		if la.TimeZone != "" {
			s.zones[la.TimeZone] = l.zone("Schedule", s.Name, where+".timeZone", la.TimeZone)
		}
		l.checkLayer(s, where, la)
	}
	if d := s.NoticeBefore.D(); d > 14*24*time.Hour {
		l.at("Schedule", s.Name, "$.spec.noticeBefore", "noticeBefore is %s; people are told at most 14d before", s.NoticeBefore)
	}
	for i, o := range s.Overrides {
		where := fmt.Sprintf("$.spec.overrides[%d]", i)
		l.ref("Schedule", s.Name, where+".person", "Person", o.Person)
		l.ref("Schedule", s.Name, where+".instead", "Person", o.Instead)
		for k, p := range o.People {
			l.ref("Schedule", s.Name, fmt.Sprintf("%s.people[%d]", where, k), "Person", p)
		}
		if len(o.Crew()) == 0 {
			l.at("Schedule", s.Name, where, "an override needs a person or people: nobody is not possible")
		}
		if slices.Contains(o.Crew(), o.Instead) {
			l.at("Schedule", s.Name, where, "%s cannot stand in for %s", o.Instead, o.Instead)
		}
		from, err1 := o.From.In(loc)
		to, err2 := o.To.In(loc)
		if err1 != nil || err2 != nil || !to.After(from) {
			l.at("Schedule", s.Name, where, "an override needs from and to, with to after from")
		}
	}
}

func (l *loader) checkLayer(s *Schedule, where string, la Layer) {
	bad := func(at, format string, args ...any) { l.at("Schedule", s.Name, where+at, format, args...) }
	if len(la.Members) == 0 {
		bad("", "members is empty: nobody would be on call")
	}
	if la.Start == "" {
		bad("", "start is missing; write when the first turn begins, such as 2026-01-05T09:00")
	}
	if la.Turn.Months == 0 && la.Turn.D() < time.Minute {
		bad(".turn", "a turn of %s is too short; it must be at least 1m", la.Turn)
	}
	if la.Turn.Months > 120 || la.Turn.D() > 10*366*24*time.Hour {
		bad(".turn", "a turn of %s is too long; it must be at most ten years", la.Turn)
	}
	for i, c := range la.Members {
		if len(c) == 0 {
			bad(fmt.Sprintf(".members[%d]", i), "the list is empty: nobody would be on call in this turn")
		}
		for k, p := range c {
			at := fmt.Sprintf(".members[%d]", i)
			if len(c) > 1 {
				at += fmt.Sprintf("[%d]", k)
			}
			l.ref("Schedule", s.Name, where+at, "Person", p)
		}
	}
	loc, err := s.Zone(la.TimeZone)
	if err != nil {
		return // said already
	}
	from, _ := la.Begins(loc)
	if until, err := la.Until.In(loc); la.Until != "" && (err != nil || !until.After(from)) {
		bad(".until", "until is %s, which is not after the layer begins", la.Until)
	}
	for i, r := range la.Restrictions {
		if _, err := r.Windows(); err != nil {
			bad(fmt.Sprintf(".restrictions[%d]", i), "%v", err)
		}
	}
}

// Begins returns when a layer begins to count.
func (la Layer) Begins(loc *time.Location) (time.Time, error) {
	if la.From != "" {
		return la.From.In(loc)
	}
	return la.Start.In(loc)
}

// Window is a piece of each week: from a time of a day on, to a time of the day that is Days later.
type Window struct {
	Day      time.Weekday
	From, To int // seconds since midnight
	Days     int
}

// Windows returns the pieces of each week that a restriction leaves.
func (r Restriction) Windows() ([]Window, error) {
	if r.From == "" || r.To == "" {
		return nil, fmt.Errorf("a restriction has from and to, such as 09:00 and 17:00, or fri 17:00 and mon 09:00")
	}
	from, fromDay, weekly, err := r.From.Parse()
	if err != nil {
		return nil, err
	}
	to, toDay, alsoWeekly, err := r.To.Parse()
	if err != nil {
		return nil, err
	}
	if from == 24*3600 {
		return nil, fmt.Errorf("from is 24:00, which is 00:00 of the day after; write that")
	}
	if weekly != alsoWeekly || weekly && len(r.Days) > 0 {
		return nil, fmt.Errorf("a restriction has a day in both from and to and no days, or a day in neither")
	}
	if weekly {
		days := (int(toDay) - int(fromDay) + 7) % 7
		if days == 0 && to <= from {
			days = 7
		}
		return []Window{{fromDay, from, to, days}}, nil
	}
	days := 0
	if to <= from {
		days = 1
	}
	var out []Window
	for d := time.Sunday; d <= time.Saturday; d++ {
		on := len(r.Days) == 0
		for _, w := range r.Days {
			day, err := w.Day()
			if err != nil {
				return nil, err
			}
			on = on || day == d
		}
		if on {
			out = append(out, Window{d, from, to, days})
		}
	}
	return out, nil
}
