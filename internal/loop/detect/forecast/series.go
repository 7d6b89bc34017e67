package forecast

import (
	"math"
	"time"

	"nightkeeper/internal/kit/errs"
)

const day = 24 * time.Hour

// Series is the history of a metric at an even step. A missing value is NaN.
type Series struct {
	Start  time.Time     // of the first value
	Step   time.Duration // between two values
	Values []float64
}

// At returns the time of value i; i may lie beyond the last one.
func (s Series) At(i int) time.Time { return s.Start.Add(time.Duration(i) * s.Step) }

// head returns the first n values as a series.
func (s Series) head(n int) Series { return Series{s.Start, s.Step, s.Values[:n]} }

// check refuses what no model can be fitted to.
func (s Series) check() error {
	if s.Step <= 0 {
		return errs.New(errs.Invalid, "a series needs a step over 0, such as 1m")
	}
	known := 0
	for i, v := range s.Values {
		if math.IsInf(v, 0) || math.Abs(v) > largest {
			return errs.New(errs.Invalid, "value %d is beyond ±%.0g: use NaN for a value that is missing", i, largest)
		}
		if !math.IsNaN(v) {
			known++
		}
	}
	if need := max(leastKnown, 2*s.season()); known < need {
		return errs.New(errs.Invalid, "%d known values are too few: a forecast at a step of %v needs %d (%v without gaps)", known, s.Step, need, time.Duration(need)*s.Step)
	}
	return nil
}

const (
	leastKnown = 20
	largest    = 1e100 // beyond it squares leave the numbers
)

// season is how many steps the shortest season has: a day, for steps of a day a week, else 1.
func (s Series) season() int {
	switch {
	case s.Step < day && day%s.Step == 0:
		return int(day / s.Step)
	case s.Step == day:
		return 7
	}
	return 1
}

// week is how many steps a week has when it is longer than the season and the history holds three of it, else 0. With two
// the second is taken for the rule.
func (s Series) week() int {
	if s.Step <= 0 || 7*day%s.Step != 0 {
		return 0
	}
	if w := int(7 * day / s.Step); w > s.season() && len(s.Values) >= 3*w {
		return w
	}
	return 0
}
