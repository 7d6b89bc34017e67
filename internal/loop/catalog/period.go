package catalog

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Calendar is a period of an objective that begins anew by the calendar, such as each month, instead of rolling on.
type Calendar struct {
	Duration  string `json:"duration"`   // as OpenSLO writes it: 1M
	StartTime string `json:"start_time"` // when a period began, by the clock of TimeZone; the others follow from it
	TimeZone  string `json:"time_zone"`

	unit  byte // 'd', 'w', 'M', 'Q' or 'Y'
	count int
	start time.Time
	zone  *time.Location
}

// hours are about how long a unit is.
var hours = map[byte]float64{'d': 24, 'w': 7 * 24, 'M': 730.485, 'Q': 2191.455, 'Y': 8765.82}

// About returns about how long a period is.
func (c *Calendar) About() time.Duration {
	return time.Duration(hours[c.unit] * float64(c.count) * float64(time.Hour)).Round(24 * time.Hour)
}

// nth returns when the nth period after Start begins, by the calendar of the zone: the clock says the same at each, also
// across a change to summer time. A month that has no such day ends earlier.
func (c *Calendar) nth(n int) time.Time {
	y, m, d := c.start.Date()
	hour, minute, sec := c.start.Clock()
	n *= c.count
	switch c.unit {
	case 'd':
		d += n
	case 'w':
		d += 7 * n
	default:
		months := map[byte]int{'M': 1, 'Q': 3, 'Y': 12}[c.unit] * n
		last := time.Date(y, m+time.Month(months)+1, 0, 0, 0, 0, 0, time.UTC).Day()
		m, d = m+time.Month(months), min(d, last)
	}
	return time.Date(y, m, d, hour, minute, sec, 0, c.zone)
}

// Period returns the period that now is in: from its first moment to the first of the next one.
func (c *Calendar) Period(now time.Time) (from, to time.Time) {
	n := int(now.Sub(c.start).Hours() / (hours[c.unit] * float64(c.count)))
	for c.nth(n).After(now) {
		n--
	}
	for !c.nth(n + 1).After(now) {
		n++
	}
	return c.nth(n), c.nth(n + 1)
}

// Period returns the time over which the objective is judged at now: the rolling window that ends now, or the period of the
// calendar that now is in, which ends later.
func (s *SLO) Period(now time.Time) (from, to time.Time) {
	if s.Calendar != nil {
		return s.Calendar.Period(now)
	}
	return now.Add(-s.Window), now
}

var calendarLength = regexp.MustCompile(`^([1-9][0-9]?)([dwMQY])$`)

// ParseCalendar reads a period of the calendar: a length such as 1M, when one began ("2026-01-01 00:00:00"), and an IANA
// time zone, UTC when empty.
func ParseCalendar(length, start, zone string) (*Calendar, error) {
	m := calendarLength.FindStringSubmatch(length)
	if m == nil {
		return nil, fmt.Errorf("%q is not a length of the calendar; write 1w, 1M, 1Q or 1Y", length)
	}
	if zone == "" {
		zone = "UTC"
	}
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, fmt.Errorf("%q is not a time zone; write an IANA name such as Europe/Berlin", zone)
	}
	at, err := time.ParseInLocation(time.DateTime, start, loc)
	if err != nil {
		return nil, fmt.Errorf("startTime is %q; write it as 2026-01-01 00:00:00, by the clock of timeZone", start)
	}
	if at.Year() < 1990 || at.Year() > 2200 {
		return nil, fmt.Errorf("startTime is in %d; write when a period of late began", at.Year())
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return nil, err
	}
	return &Calendar{Duration: length, StartTime: start, TimeZone: zone, unit: m[2][0], count: n, start: at, zone: loc}, nil
}
