package anomaly

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unsafe"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// busy is a metric with a day, a quiet weekend and noise.
func busy(at time.Time, r *rand.Rand) float64 {
	day := 1 + 0.5*math.Sin(2*math.Pi*float64(at.Hour())/24)
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		day *= 0.25
	}
	return 100 * day * (1 + 0.05*r.NormFloat64())
}

func TestReasonNamesTheHourOfTheWeek(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	d := Detector{Metric: "error rate"}
	const step = 5 * time.Minute
	saturday := monday.Add(6*7*24*time.Hour + 5*24*time.Hour)
	at := monday
	for ; at.Before(saturday.Add(3 * time.Hour)); at = at.Add(step) {
		d.Add(at, busy(at, r))
	}
	// From 03:00 the traffic is that of a workday: nothing that was never seen, but not on a Saturday.
	var told []string
	for ; at.Before(saturday.Add(4 * time.Hour)); at = at.Add(step) {
		s := d.Add(at, 4.1*busy(at, r))
		if len(told) == 0 && !s.Alarm {
			t.Errorf("the first such value: %+v", s)
		}
		told = append(told, s.Reason)
	}
	var ratio float64
	last := told[len(told)-1]
	if _, err := fmt.Sscanf(last, "error rate %f ×", &ratio); err != nil || math.Abs(ratio-4.1) > 0.5 || !strings.HasSuffix(last, " × what is usual on Saturdays at 03:00") {
		t.Errorf("%q", told)
	}
}

func TestAJumpIsToldAtOnceAndOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	d := Detector{Metric: "latency"}
	at := monday
	add := func(v float64) Score {
		at = at.Add(time.Minute)
		return d.Add(at, v)
	}
	for range 3000 {
		add(20 + r.NormFloat64())
	}
	s := add(200)
	if !s.Alarm || s.Value < Alarm || s.Reason == "" {
		t.Errorf("%+v", s)
	}
	for range 50 {
		if s := add(200 + r.NormFloat64()); s.Alarm {
			t.Fatalf("told again: %+v", s)
		}
	}
}

func TestConstantSeriesIsQuietUntilItMoves(t *testing.T) {
	for _, v := range []float64{0, 5, -2} {
		d := Detector{}
		at := monday
		for range 2000 {
			at = at.Add(time.Minute)
			if s := d.Add(at, v); s.Value >= Alarm {
				t.Fatalf("%v: %+v", v, s)
			}
		}
		s := d.Add(at.Add(time.Minute), v+0.001)
		if !s.Alarm || !strings.HasPrefix(s.Reason, "the value ") {
			t.Errorf("%v: %+v", v, s)
		}
	}
}

func TestWhatIsNoValueIsLeftOut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var a, b Detector
	at := monday
	for range 1000 {
		at = at.Add(time.Minute)
		v := r.NormFloat64()
		want := a.Add(at, v)
		for _, no := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
			if s := b.Add(at, no); s != (Score{}) {
				t.Fatalf("%v: %+v", no, s)
			}
		}
		if got := b.Add(at, v); got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
		if s := b.Add(at, 1000); s != (Score{}) {
			t.Fatalf("a second value of the same time: %+v", s)
		}
	}
}

// How often a healthy metric is told: 30 days of minutes, of noise only. The bound is what is acceptable as evidence; it
// would not be as a page.
func TestHealthyMetricIsToldAboutOnceADay(t *testing.T) {
	alarms := 0
	const series, days = 5, 30
	for k := range uint64(series) {
		r := rand.New(rand.NewPCG(k, 1))
		var d Detector
		for i := range days * 1440 {
			at := monday.Add(time.Duration(i) * time.Minute)
			if d.Add(at, busy(at, r)).Alarm {
				alarms++
			}
		}
	}
	t.Logf("%.2f alarms a day and series", float64(alarms)/series/days)
	if alarms > 3*series*days {
		t.Errorf("%d alarms in %d days of %d healthy series", alarms, days, series)
	}
}

func TestMemoryIsFixed(t *testing.T) {
	if got := unsafe.Sizeof(Detector{}); got > 4096 {
		t.Errorf("a detector has %d bytes, want at most 4096", got)
	}
	at, d := monday, Detector{}
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(time.Minute)
		d.Add(at, 5)
	}); n > 0 {
		t.Errorf("%v allocations for a value that is usual", n)
	}
}

// Whatever comes: a score is in 0…1, has a reason from Alarm on and only then, alarms keep their distance, and a metric in
// another unit has the same scores.
func FuzzDetector(f *testing.F) {
	f.Add(uint64(1), uint16(500), int8(0))
	f.Add(uint64(2), uint16(2000), int8(40))
	f.Add(uint64(3), uint16(900), int8(-60))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, unit int8) {
		r := rand.New(rand.NewPCG(seed, 0))
		var a, b Detector
		at := monday
		level, last := 1.0, -rest
		for i := range int(n) {
			at = at.Add(time.Duration(1+r.IntN(7200)) * time.Second)
			if r.IntN(200) == 0 {
				level = math.Exp2(float64(r.IntN(40) - 20))
			}
			v := level * r.NormFloat64()
			s, same := a.Add(at, v), b.Add(at, math.Ldexp(v, int(unit)))
			if math.Abs(s.Value-same.Value) > 1e-6 || s.Alarm != same.Alarm {
				t.Fatalf("value %d: %+v, in another unit %+v", i, s, same)
			}
			if !(s.Value >= 0 && s.Value <= 1) || (s.Value >= Alarm) != (s.Reason != "") || s.Alarm && s.Reason == "" {
				t.Fatalf("value %d: %+v", i, s)
			}
			if s.Alarm {
				if i-last < rest {
					t.Fatalf("alarms at %d and %d", last, i)
				}
				last = i
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	d, at, i := Detector{}, monday, 0
	for b.Loop() {
		at = at.Add(time.Minute)
		d.Add(at, values[i%len(values)])
		i++
	}
}
