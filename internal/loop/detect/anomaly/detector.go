package anomaly

import (
	"fmt"
	"math"
	"time"
)

// What the detector works with, in values unless said otherwise. The numbers were found on 31 series of the Numenta
// benchmark: with each of them a third smaller or larger the score there stays within five points of a hundred.
const (
	memory  = 5000  // after which what was seen fades
	learn   = 100   // before the first score
	settle  = 300   // before hours of the day are compared
	rest    = 100   // after an alarm, in which there is no other
	near    = 4     // of the level just before
	lately  = 200   // of the usual level
	smooth  = 10    // over which distances are averaged
	visits  = 8     // of an hour that make what is usual then
	caution = 10    // how much rarer a single jump must be than what lasts
	limit   = 0.006 // share of the past below which there is an alarm
)

// Alarm is the score from which a value is worth telling.
const Alarm = 0.5

// Score is how unusual a value is.
type Score struct {
	Value  float64 // 0…1; Alarm and over is unusual
	Alarm  bool    // the first of an episode: more of the same within the next hundred values is not told again
	Reason string  // for people; "" below Alarm
}

// Detector keeps what is usual for one series. The zero value with a metric is ready to use.
type Detector struct {
	Metric string // in the words of a reason, such as "error rate"

	n                         float64
	near, lately, mean        float64 // of the level, each over its own number of values
	swing, off                float64
	jump, shift, vary, season gauge
	quiet                     int // values until the next alarm may come

	hour    int64 // hours since 1970 of the values below
	sum     float64
	count   float64
	day     [24]cell
	week    [7 * 24]cell
	last    time.Time
	current cell // what is usual in this hour; as it was before the hour began
	weekly  bool // current is of this hour of the week
}

// cell is what is usual in one hour of the day or the week.
type cell struct{ mean, visits float64 }

func (c *cell) visit(mean float64) {
	c.visits = min(c.visits+1, visits)
	c.mean += (mean - c.mean) / c.visits
}

// Add takes the next value and scores it against those before. The hour is that of the location of at. A value that is
// missing (NaN, ±Inf) or not after the last one is left out, and has the score 0.
func (d *Detector) Add(at time.Time, v float64) Score {
	if math.IsNaN(v) || math.Abs(v) > 1e100 || !at.After(d.last) {
		return Score{}
	}
	d.last = at
	if d.n++; d.n == 1 {
		d.near, d.lately, d.mean = v, v, v
	}
	d.turn(at)
	before, usual := d.near, d.lately
	d.mean += (v - d.mean) / min(d.n, smooth)
	d.swing += ((v-before)*(v-before) - d.swing) / min(d.n, 2*smooth)
	swing, swings := math.Sqrt(d.swing), d.vary.usual

	p, why := min(caution*d.jump.rank(v-before), 1), func() string { return d.compare(v, before, "was just before") }
	if q := d.shift.rank(d.mean - usual); q < p {
		p, why = q, func() string { return d.compare(d.mean, usual, "was usual lately") }
	}
	if q := d.vary.rank(swing); q < p {
		p, why = q, func() string { return fmt.Sprintf("%s swings %s as much as usual", d.name(), times(swing/swings)) }
	}
	if d.current.visits > 0 && d.n > settle {
		d.off += (v - d.current.mean - d.off) / smooth
		// The hour of the week says more to a person than what is rarest, when both would be told.
		if q := d.season.rank(d.off); q < p || q <= limit {
			p, why = min(p, q), func() string { return d.compare(v, d.current.mean, d.when(at)) }
		}
	}
	d.near += (v - d.near) / min(d.n, near)
	d.lately += (v - d.lately) / min(d.n, lately)
	d.sum, d.count = d.sum+v, d.count+1
	d.quiet--
	if d.n <= learn {
		return Score{}
	}
	// 0 for the most common, Alarm at the limit, towards 1 for what was never seen.
	s := Score{Value: max(math.Log(p)/(math.Log(p)+math.Log(limit)), 0)}
	if s.Value >= Alarm {
		s.Reason = why()
		if d.quiet <= 0 {
			s.Alarm, d.quiet = true, rest
		}
	}
	return s
}

// turn closes the hour when at is in another one, and looks up what is usual in the new one.
func (d *Detector) turn(at time.Time) {
	_, zone := at.Zone()
	hour := (at.Unix() + int64(zone)) / 3600
	if d.count > 0 && hour == d.hour {
		return
	}
	if d.count > 0 {
		mean := d.sum / d.count
		d.day[mod(d.hour, 24)].visit(mean)
		d.week[mod(d.hour, 7*24)].visit(mean)
	}
	d.hour, d.sum, d.count = hour, 0, 0
	d.current, d.weekly = d.week[mod(hour, 7*24)], true
	if d.current.visits < 3 { // one week is not a rule
		d.current, d.weekly = d.day[mod(hour, 24)], false
	}
}

func mod(hour, n int64) int64 { return ((hour % n) + n) % n }

func (d *Detector) name() string {
	if d.Metric == "" {
		return "the value"
	}
	return d.Metric
}

// when names the hour that is compared, as people say it.
func (d *Detector) when(at time.Time) string {
	if d.weekly {
		return fmt.Sprintf("is usual on %ss at %s", at.Weekday(), at.Format("15:00"))
	}
	return "is usual at " + at.Format("15:00")
}

// compare says how far a value is from what it was at another time.
func (d *Detector) compare(v, usual float64, when string) string {
	if usual > 0 && v >= 0 {
		return fmt.Sprintf("%s %s what %s", d.name(), times(v/usual), when)
	}
	return fmt.Sprintf("%s %.3g, %.3g %s", d.name(), v, usual, when)
}

func times(x float64) string {
	switch {
	case math.IsInf(x, 0) || math.IsNaN(x) || x > 1000:
		return "over 1000 ×"
	case x >= 10:
		return fmt.Sprintf("%.0f ×", x)
	case x >= 0.1:
		return fmt.Sprintf("%.1f ×", x)
	}
	return fmt.Sprintf("%.2g ×", x)
}
