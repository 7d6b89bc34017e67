package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
)

var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

// traffic is a metric whose truth is known: a trend with one bend, a day and a week, and noise that is a share of level.
func traffic(n int, step time.Duration, multiplicative bool, noise float64) (s Series, truth func(i int) float64) {
	truth = func(i int) float64 {
		d := float64(i) * step.Hours() / 24
		trend := 100 + d
		if d > 30 {
			trend += 2 * (d - 30)
		}
		day, week := math.Sin(2*math.Pi*d)+0.3*math.Cos(4*math.Pi*d), math.Cos(2*math.Pi*d/7)
		if multiplicative {
			return trend * (1 + 0.4*day + 0.2*week)
		}
		return trend + 30*day + 10*week
	}
	r := rand.New(rand.NewPCG(1, 2))
	s = Series{Start: start, Step: step, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = truth(i) + 100*noise*r.NormFloat64()
	}
	return s, truth
}

func TestProphetFindsTheTruth(t *testing.T) {
	for _, multiplicative := range []bool{false, true} {
		s, truth := traffic(60*288, 5*time.Minute, multiplicative, 0.05)
		for i := 1000; i < 3000; i++ {
			s.Values[i] = math.NaN()
		}
		p, err := FitProphet(s, multiplicative)
		if err != nil {
			t.Fatal(err)
		}
		// Twelve hours ahead, in units of a level of a few hundred.
		var worst float64
		for i, got := range p.Mean(144) {
			worst = max(worst, math.Abs(got-truth(len(s.Values)+i)))
		}
		if worst > 5 {
			t.Errorf("multiplicative %v: off by %.2f at worst", multiplicative, worst)
		}
		if got := p.noise * p.scale; math.Abs(got-5) > 0.3 {
			t.Errorf("multiplicative %v: noise %.2f, want 5", multiplicative, got)
		}
	}
}

// The fit reads all points of a month of minutes: none is left out to be faster.
func TestEveryPointCounts(t *testing.T) {
	s, _ := traffic(30*1440, time.Minute, false, 0.2)
	whole, err := FitProphet(s, false)
	if err != nil {
		t.Fatal(err)
	}
	s.Values[len(s.Values)/2+1] += 1000
	moved, err := FitProphet(s, false)
	if err != nil {
		t.Fatal(err)
	}
	at := s.At(len(s.Values)/2 + 1)
	if whole.Fitted(at) == moved.Fitted(at) {
		t.Error("one value was changed, and the fit is the same")
	}
}

// The lasso ends where no step in any direction goes down: the conditions of its minimum hold.
func TestLassoEndsAtTheMinimum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		n := 2 + r.IntN(12)
		rows := n + r.IntN(30)
		a, b, price, x := newMatrix(n), make([]float64, n), make([]float64, n), make([]float64, n)
		for range rows {
			row := make([]float64, n)
			for i := range row {
				row[i] = r.NormFloat64()
				if i > 0 {
					row[i] += 3 * row[i-1] // neighbours are alike, as hinges are
				}
			}
			y := r.NormFloat64() * 10
			for i := range row {
				b[i] += row[i] * y
				for j := range row {
					a.v[i*n+j] += row[i] * row[j]
				}
			}
		}
		for i := range price {
			if i > 0 {
				price[i] = r.Float64() * 100
			}
		}
		lasso(a, b, price, x)
		for i := range x {
			g := b[i] - a.times(i, x)
			scale := 1e-6 * (1 + math.Abs(b[i]))
			switch {
			case x[i] == 0 && math.Abs(g) > price[i]+scale:
				t.Fatalf("round %d: value %d is 0 with gradient %v over its price %v", round, i, g, price[i])
			case x[i] != 0 && math.Abs(g-math.Copysign(price[i], x[i])) > scale:
				t.Fatalf("round %d: value %d is %v with gradient %v, price %v", round, i, x[i], g, price[i])
			}
		}
	}
}

func TestShortAndBadSeriesAreRefusedWithWhatIsNeeded(t *testing.T) {
	for _, c := range []struct {
		s    Series
		want string
	}{
		{Series{Step: time.Minute, Values: make([]float64, 100)}, "100 known values are too few: a forecast at a step of 1m0s needs 2880 (48h0m0s without gaps)"},
		{Series{Values: make([]float64, 100)}, "a series needs a step over 0, such as 1m"},
		{Series{Step: 7 * day, Values: []float64{1, math.NaN()}}, "1 known values are too few: a forecast at a step of 168h0m0s needs 20 (3360h0m0s without gaps)"},
		{Series{Step: day, Values: []float64{1, math.Inf(1)}}, "value 1 is beyond ±1e+100: use NaN for a value that is missing"},
	} {
		_, err := FitProphet(c.s, false)
		if errs.CodeOf(err) != errs.Invalid || errs.Message(err) != c.want {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if _, err := Choose(c.s, time.Hour); errs.CodeOf(err) != errs.Invalid || errs.Message(err) != c.want {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	s, _ := traffic(2*24, time.Hour, false, 0)
	if _, err := Choose(s, 4*time.Hour); errs.Message(err) != "48 values are too few to test a forecast of 4h0m0s: 72 are needed (72h0m0s)" {
		t.Error(err)
	}
	if _, err := Choose(s, -time.Hour); !errs.Is(err, errs.Invalid) {
		t.Error(err)
	}
}

func TestConstantSeriesStaysConstant(t *testing.T) {
	for _, v := range []float64{0, 7, -3} {
		s := Series{Start: start, Step: time.Hour, Values: make([]float64, 24*21)}
		for i := range s.Values {
			s.Values[i] = v
		}
		for _, f := range fitters(s) {
			m := f.fit(s)
			if m == nil {
				continue // seasons cannot multiply what is not over 0
			}
			for _, got := range m.Mean(48) {
				if math.Abs(got-v) > 1e-9 {
					t.Fatalf("%s: %v, want %v", f.name, got, v)
				}
			}
		}
		c, err := Choose(s, 4*time.Hour)
		if err != nil || c.Warns || c.Reason != "no model beats seasonal naive (MASE 0.00) over 6 back-tests, so none may warn" {
			t.Errorf("%v: %+v, %v", v, c, err)
		}
		o, err := Look(s, c.Model, 4*time.Hour, Threshold{Value: v + 1})
		if err != nil || o.Within(4*time.Hour) != 0 || !o.Crossing.IsZero() {
			t.Errorf("%v: %+v, %v", v, o, err)
		}
	}
}

func TestGrowingTrafficIsSeenToCrossBeforeItDoes(t *testing.T) {
	s, truth := traffic(45*288, 5*time.Minute, true, 0.01)
	n := len(s.Values)
	const h = 48
	// A threshold that the truth first crosses half-way through the next four hours.
	limit := truth(n + h/2)
	first := 0
	for truth(n+first) < limit {
		first++
	}
	c, err := Choose(s, 4*time.Hour)
	if err != nil || !c.Warns || !strings.Contains(c.Reason, "beats seasonal naive by") || !strings.HasSuffix(c.Reason, "over 6 back-tests") {
		t.Fatalf("%+v, %v", c, err)
	}
	o, err := Look(s, c.Model, 4*time.Hour, Threshold{Value: limit, Hold: 3})
	if err != nil {
		t.Fatal(err)
	}
	if off := o.Crossing.Sub(s.At(n + first)).Abs(); o.Crossing.IsZero() || off > 20*time.Minute {
		t.Errorf("%s: crossing at %v, in truth at %v", c.Name, o.Crossing, s.At(n+first))
	}
	w := Warn(s.At(n-1), c, o, 0.8)
	if !w.Warn || w.At.Sub(s.At(n+first)).Abs() > 30*time.Minute {
		t.Errorf("%+v; in truth at %v", w, s.At(n+first))
	}
	if want := fmt.Sprintf("the threshold is crossed within %.0f minutes with probability", w.At.Sub(s.At(n-1)).Minutes()); !strings.HasPrefix(w.Reason, want) {
		t.Errorf("%q, want it to start with %q", w.Reason, want)
	}
	again, _ := Look(s, c.Model, 4*time.Hour, Threshold{Value: limit, Hold: 3})
	if again.Within(2*time.Hour) != o.Within(2*time.Hour) {
		t.Error("the same history gives another probability")
	}
	c.Warns = false
	if Warn(s.At(n-1), c, o, 0.8).Warn {
		t.Error("a model that did not beat seasonal naive warns")
	}
	far, _ := Look(s, c.Model, 4*time.Hour, Threshold{Value: 100 * limit})
	if w := Warn(s.At(n-1), c, far, 0.8); w.Warn || w.Reason != "the threshold is crossed in the next 4h0m0s with probability 0.00, below 0.80" {
		t.Errorf("%+v", w)
	}
}

// Holt-Winters reads only the last of a long history. With all of it the forecast is not nearer to the truth by more than
// half the noise.
func TestHoltWintersLosesNothingByALimitedHistory(t *testing.T) {
	for _, multiplicative := range []bool{false, true} {
		s, truth := traffic(60*288, 5*time.Minute, multiplicative, 0.05)
		off := func(f *Winters) float64 {
			mean := f.Mean(48)
			return meanOf(mean, func(i int) float64 { return math.Abs(mean[i] - truth(len(s.Values)+i)) })
		}
		some, all := off(fitWinters(s.Values, 288, 7*288, multiplicative)), off(smooth(s.Values, 288, 7*288, multiplicative))
		t.Logf("multiplicative %v: off by %.2f, with all of the history by %.2f; the noise is 5", multiplicative, some, all)
		if some > all+2.5 {
			t.Errorf("multiplicative %v: off by %.2f, with all of the history by %.2f", multiplicative, some, all)
		}
	}
}

// Of the values that come, about the share of the bands lies between them.
func TestBandsHoldTheirShare(t *testing.T) {
	all, _ := traffic(40*24, time.Hour, false, 0.1)
	n := len(all.Values) - 7*24
	s := all.head(n)
	for _, f := range fitters(s) {
		if f.name == "linear trend" || f.name == "weekly naive" {
			continue // the error is a season or the trend, not noise
		}
		in, of := 0, 0
		for at := n; at+24 <= len(all.Values); at += 24 {
			past := all.head(at)
			o, err := Look(past, f.fit(past), 24*time.Hour, Threshold{Value: 1e9})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 24 {
				if v := all.Values[at+i]; v >= o.Lower[i] && v <= o.Upper[i] {
					in++
				}
				of++
			}
		}
		if got := float64(in) / float64(of); got < 0.65 || got > 0.95 {
			t.Errorf("%s: %.2f of %d values lie between the bands for %.2f", f.name, got, of, Width)
		}
	}
}

func TestAThresholdMustHold(t *testing.T) {
	path := []float64{1, 5, 1, 5, 5, 5, 1}
	for _, c := range []struct {
		t    Threshold
		want int
	}{
		{Threshold{Value: 5}, 1},
		{Threshold{Value: 5, Hold: 2}, 3},
		{Threshold{Value: 5, Hold: 4}, -1},
		{Threshold{Value: 1, Below: true}, 0},
		{Threshold{Value: 0, Below: true}, -1},
	} {
		if got := c.t.first(path); got != c.want {
			t.Errorf("%+v: crosses at %d, want %d", c.t, got, c.want)
		}
	}
}

// A model may suit all of the past that it was tried on, and not the last values: seasons multiply only what is over 0.
func TestTheWinnerSuitsTheLastValues(t *testing.T) {
	s := Series{Start: start, Step: time.Hour, Values: make([]float64, 10*24)}
	for i := range s.Values {
		s.Values[i] = 10 + float64(i%24)
	}
	s.Values[len(s.Values)-1] = -1
	all := fitters(s)
	trials := make([]Trial, len(all))
	for i, f := range all {
		trials[i] = Trial{f.name, 1, 6}
		switch f.name {
		case "multiplicative Holt-Winters":
			trials[i].MASE = 0.1
		case "linear trend":
			trials[i].MASE = 0.5
		}
	}
	i, m, reason := elect(s, all, trials)
	if _, ok := m.(*Line); !ok || all[i].name != "linear trend" || reason != "linear trend beats seasonal naive by 50 % over 6 back-tests" {
		t.Errorf("%s, %T, %q", all[i].name, m, reason)
	}
}

func TestTheWinnerIsTheOneThatDidBest(t *testing.T) {
	for _, c := range []struct {
		trials []Trial
		best   int
		want   string
	}{
		{[]Trial{{naive, 1, 6}, {"Holt-Winters", 0.77, 6}, {"Prophet", 0.9, 6}}, 1, "Holt-Winters beats seasonal naive by 23 % over 6 back-tests"},
		{[]Trial{{naive, 1, 6}, {"Prophet", 0.2, 5}}, 0, "no model beats seasonal naive (MASE 1.00) over 6 back-tests, so none may warn"},
		{[]Trial{{naive, 1, 1}, {"Prophet", 0.5, 1}}, 1, "Prophet beats seasonal naive by 50 % in 1 back-test"},
		{[]Trial{{naive, math.NaN(), 0}, {"Prophet", math.NaN(), 0}}, 0, "nothing is known in the last hours to test a forecast with, so none may warn"},
		{[]Trial{{naive, math.Inf(1), 2}, {"Prophet", 3, 2}}, 1, "Prophet beats seasonal naive over 2 back-tests"},
	} {
		if best, got := judge(c.trials); best != c.best || got != c.want {
			t.Errorf("%d %q, want %d %q", best, got, c.best, c.want)
		}
	}
}

// Whatever the history, a forecast is finite, its bands are in order, and its probability never falls.
func FuzzOutlook(f *testing.F) {
	f.Add(uint64(1), uint8(60), uint8(30), false)
	f.Add(uint64(2), uint8(0), uint8(255), true)
	f.Add(uint64(3), uint8(200), uint8(3), true)
	f.Fuzz(func(t *testing.T, seed uint64, gaps, size uint8, spikes bool) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := Series{Start: start, Step: time.Hour, Values: make([]float64, 72+int(size))}
		scale := math.Pow(10, float64(r.IntN(24)-12))
		for i := range s.Values {
			s.Values[i] = scale * r.NormFloat64()
			if spikes && r.IntN(50) == 0 {
				s.Values[i] *= 1e6
			}
			if uint8(r.IntN(256)) < gaps {
				s.Values[i] = math.NaN()
			}
		}
		c, err := Choose(s, 6*time.Hour)
		if err != nil {
			if !errs.Is(err, errs.Invalid) {
				t.Fatal(err)
			}
			return
		}
		o, err := Look(s, c.Model, 6*time.Hour, Threshold{Value: scale})
		if err != nil {
			t.Fatal(err)
		}
		for i := range o.Mean {
			if x := o.Mean[i] + o.Lower[i] + o.Upper[i]; math.IsNaN(x) || math.IsInf(x, 0) || o.Lower[i] > o.Upper[i] {
				t.Fatalf("%s, step %d: %v in %v…%v", c.Name, i, o.Mean[i], o.Lower[i], o.Upper[i])
			}
			if p := o.Probability[i]; p < 0 || p > 1 || i > 0 && p < o.Probability[i-1] {
				t.Fatalf("%s, step %d: probability %v", c.Name, i, p)
			}
		}
	})
}

func BenchmarkFit(b *testing.B) {
	for _, c := range []struct {
		n    int
		step time.Duration
	}{{129600, time.Minute}, {25920, 5 * time.Minute}, {2160, time.Hour}} {
		for _, multiplicative := range []bool{false, true} {
			b.Run(fmt.Sprintf("points=%d/multiplicative=%v", c.n, multiplicative), func(b *testing.B) {
				s, _ := traffic(c.n, c.step, multiplicative, 0.05)
				for b.Loop() {
					if _, err := FitProphet(s, multiplicative); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkLook(b *testing.B) {
	s, _ := traffic(25920, 5*time.Minute, true, 0.05)
	p, err := FitProphet(s, true)
	if err != nil {
		b.Fatal(err)
	}
	p.step = time.Minute
	s.Step = time.Minute
	for b.Loop() {
		if _, err := Look(s, p, 4*time.Hour, Threshold{Value: 300}); err != nil {
			b.Fatal(err)
		}
	}
}

// A probability means what it says: over many histories whose noise lasts for a while, a crossing said to come with some
// probability comes about so often.
func TestProbabilityIsTheShareThatCross(t *testing.T) {
	const histories, n, h = 300, 42 * 24, 6
	var said, came [3]float64
	var count [3]float64
	for k := range uint64(histories) {
		r := rand.New(rand.NewPCG(k, 9))
		all := Series{Start: start, Step: time.Hour, Values: make([]float64, n+h)}
		left := 0.0
		for i := range all.Values {
			left = 0.8*left + 6*r.NormFloat64()
			all.Values[i] = 100 + 20*math.Sin(2*math.Pi*float64(i)/24) + left
		}
		s := all.head(n)
		p, err := FitProphet(s, false)
		if err != nil {
			t.Fatal(err)
		}
		// Thresholds around what is to come, so that some crossings are likely and others are not.
		limit := Threshold{Value: 105 + 30*r.Float64()}
		o, err := Look(s, p, h*time.Hour, limit)
		if err != nil {
			t.Fatal(err)
		}
		is := o.Within(h * time.Hour)
		b := min(int(3*is), 2)
		said[b] += is
		count[b]++
		if limit.first(all.Values[n:]) >= 0 {
			came[b]++
		}
	}
	for b := range count {
		a, c := said[b]/count[b], came[b]/count[b]
		t.Logf("said %.2f, came %.2f of %.0f", a, c, count[b])
		if math.Abs(a-c) > 0.12 {
			t.Errorf("crossings said to come with probability %.2f came in %.2f of %.0f histories", a, c, count[b])
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	for _, c := range []struct {
		n    int
		step time.Duration
	}{{129600, time.Minute}, {25920, 5 * time.Minute}} {
		b.Run(fmt.Sprintf("points=%d", c.n), func(b *testing.B) {
			s, _ := traffic(c.n, c.step, true, 0.05)
			for b.Loop() {
				if _, err := Choose(s, 4*time.Hour); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
