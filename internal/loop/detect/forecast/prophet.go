package forecast

import (
	"math"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Prophet's defaults.
const (
	changepoints     = 25   // places where the slope may change
	changepointRange = 0.8  // share of the history in which they lie
	changepointScale = 0.05 // of the Laplace prior on a change of slope
	trendScale       = 5.0  // of the normal prior on the slope
	seasonScale      = 10.0 // of the normal prior on Fourier terms
	noiseScale       = 0.5  // of the half-normal prior on the noise
)

// wave is one season as a sum of sines and cosines.
type wave struct {
	days  float64
	order int
}

// Prophet is a fitted model. Time is scaled to 0…1 over the history, values by the largest absolute value.
type Prophet struct {
	multiplicative bool
	waves          []wave
	from, span     float64 // seconds: time 0, and the length of time 1
	scale          float64
	k, m           float64   // slope and offset
	at, delta      []float64 // changepoints and the changes of slope there
	beta           []float64 // Fourier terms
	noise          float64   // standard deviation of the noise, scaled

	// What the forecast continues: the residual at the end, and how much of a residual is left one step later.
	end   time.Time // of the last step of the history
	step  time.Duration
	rho   float64
	carry float64
}

// FitProphet fits Prophet's model. Seasons are chosen by its rules: a year (order 10) from two years of history, a week
// (order 3) from two weeks, a day (order 4) from two days of steps under a day. Errors: Invalid for a short series.
func FitProphet(s Series, multiplicative bool) (*Prophet, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	sec, y := make([]float64, 0, len(s.Values)), make([]float64, 0, len(s.Values))
	first, step := float64(s.Start.UnixNano())/1e9, s.Step.Seconds()
	for i, v := range s.Values {
		if !math.IsNaN(v) {
			sec = append(sec, first+float64(i)*step)
			y = append(y, v)
		}
	}
	p, err := fitProphet(sec, y, multiplicative)
	if err != nil {
		return nil, err
	}
	p.end, p.step = s.At(len(s.Values)-1), s.Step
	p.follow(sec, y, step)
	return p, nil
}

// fitProphet fits values y at times sec (seconds, ascending).
func fitProphet(sec, y []float64, multiplicative bool) (*Prophet, error) {
	n := len(y)
	if n < 2 || sec[n-1] <= sec[0] {
		return nil, errs.New(errs.Invalid, "a forecast needs two values at two times")
	}
	p := &Prophet{multiplicative: multiplicative, from: sec[0], span: sec[n-1] - sec[0]}
	constant := true
	closest := p.span
	for i, v := range y {
		p.scale = max(p.scale, math.Abs(v))
		constant = constant && v == y[0]
		if i > 0 {
			closest = min(closest, sec[i]-sec[i-1])
		}
	}
	if constant {
		p.m = 1
		if p.scale = y[0]; p.scale == 0 {
			p.scale, p.m = 1, 0
		}
		return p, nil
	}
	p.waves = wavesOf(p.span/86400, closest/86400)

	history := int(math.Floor(float64(n) * changepointRange))
	count := min(changepoints, history-1)
	for i := 1; i <= count; i++ {
		at := int(math.RoundToEven(float64(i) * float64(history-1) / float64(count)))
		p.at = append(p.at, (sec[at]-p.from)/p.span)
	}
	p.delta = make([]float64, len(p.at))
	p.beta = make([]float64, p.terms())
	p.k = (y[n-1] - y[0]) / p.scale
	p.m = y[0] / p.scale
	p.maximize(p.collect(sec, y))
	return p, nil
}

// wavesOf chooses seasons as Prophet does, by length of history and distance of the closest points, both in days.
func wavesOf(span, closest float64) []wave {
	var w []wave
	if span >= 730 {
		w = append(w, wave{365.25, 10})
	}
	if span >= 14 && closest < 7 {
		w = append(w, wave{7, 3})
	}
	if span >= 2 && closest < 1 {
		w = append(w, wave{1, 4})
	}
	return w
}

func (p *Prophet) terms() int {
	n := 0
	for _, w := range p.waves {
		n += 2 * w.order
	}
	return n
}

// fourier writes the terms at sec (seconds since 1970) to out.
func (p *Prophet) fourier(sec float64, out []float64) {
	k := 0
	for _, w := range p.waves {
		// The harmonics follow from the first by the sum of angles: one sine instead of ten.
		turns := sec / 86400 / w.days
		s1, c1 := math.Sincos(2 * math.Pi * (turns - math.Floor(turns)))
		s, c := s1, c1
		for range w.order {
			out[k], out[k+1] = s, c
			k += 2
			s, c = s*c1+c*s1, c*c1-s*s1
		}
	}
}

// trendAt returns the scaled trend at scaled time t.
func (p *Prophet) trendAt(t float64) float64 {
	g := p.m + p.k*t
	for j, at := range p.at {
		if t < at {
			break
		}
		g += p.delta[j] * (t - at)
	}
	return g
}

// parts returns the trend and the sum of the seasons at sec, both scaled.
func (p *Prophet) parts(sec float64, buf []float64) (trend, season float64) {
	p.fourier(sec, buf)
	for i, x := range buf {
		season += x * p.beta[i]
	}
	return p.trendAt((sec - p.from) / p.span), season
}

// join makes one value of a trend and a season.
func (p *Prophet) join(trend, season float64) float64 {
	if p.multiplicative {
		return p.scale * trend * (1 + season)
	}
	return p.scale * (trend + season)
}

// Fitted returns the model's value at a time, before or after the end of the history, without what the last residual adds.
func (p *Prophet) Fitted(at time.Time) float64 {
	return p.fitted(float64(at.UnixNano())/1e9, make([]float64, len(p.beta)))
}

func (p *Prophet) fitted(sec float64, buf []float64) float64 { return p.join(p.parts(sec, buf)) }

// follow measures how residuals follow each other: Prophet takes them as independent, which minutes of a metric are not.
func (p *Prophet) follow(sec, y []float64, step float64) {
	buf := make([]float64, len(p.beta))
	var last, both, before float64
	for i, v := range y {
		e := v - p.fitted(sec[i], buf)
		if i > 0 && sec[i]-sec[i-1] < 1.5*step {
			both += e * last
			before += last * last
		}
		last = e
	}
	if before > 0 && p.noise > 0 {
		p.rho = min(max(both/before, 0), 0.999)
	}
	behind := (float64(p.end.UnixNano())/1e9 - sec[len(sec)-1]) / step
	p.carry = last * math.Pow(p.rho, math.Round(behind))
}
