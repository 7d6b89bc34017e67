package forecast

import (
	"math"
	"math/rand/v2"
)

// Model looks ahead from the end of the history that it was fitted to.
type Model interface {
	// Mean returns the expected next h values.
	Mean(h int) []float64
	// Draw returns a function that writes one possible future of h values, by chance, to out.
	Draw(h int) func(r *rand.Rand, out []float64)
}

// Mean returns the expected next h values: the fitted curve, and what is left of the last residual.
func (p *Prophet) Mean(h int) []float64 {
	out, buf := make([]float64, h), make([]float64, len(p.beta))
	left := p.carry
	for i := range out {
		left *= p.rho
		out[i] = p.fitted(p.ahead(i), buf) + left
	}
	return out
}

// ahead returns the seconds of step i after the history, from 0.
func (p *Prophet) ahead(i int) float64 {
	end := float64(p.end.UnixNano()) / 1e9
	return end + float64(i+1)*p.step.Seconds()
}

// Draw returns futures as Prophet draws them: changes of slope come as often as in the history and are as large as its
// average one. The noise has the fitted variance, and follows the last residual as residuals did in the history.
func (p *Prophet) Draw(h int) func(r *rand.Rand, out []float64) {
	trend, season, at := make([]float64, h), make([]float64, h), make([]float64, h)
	buf := make([]float64, len(p.beta))
	for i := range h {
		trend[i], season[i] = p.parts(p.ahead(i), buf)
		at[i] = (p.ahead(i) - p.from) / p.span
	}
	size := 1e-8
	for _, d := range p.delta {
		size += math.Abs(d) / float64(len(p.delta))
	}
	fresh := p.noise * p.scale * math.Sqrt(1-p.rho*p.rho)
	return func(r *rand.Rand, out []float64) {
		bend := newBends(r, float64(len(p.at)), 1, at[h-1], size)
		left := p.carry
		for i := range out {
			left = p.rho*left + fresh*r.NormFloat64()
			out[i] = p.join(trend[i]+bend.at(at[i]), season[i]) + left
		}
	}
}

// bends are the changes of slope in one future.
type bends struct{ from, delta []float64 }

// newBends draws changes of slope between from and to, rate of them in a time of 1, of the mean absolute size.
func newBends(r *rand.Rand, rate, from, to, size float64) bends {
	var b bends
	if rate == 0 {
		return b
	}
	for t := from + r.ExpFloat64()/rate; t < to; t += r.ExpFloat64() / rate {
		d := size * r.ExpFloat64()
		if r.Uint64()&1 == 0 {
			d = -d
		}
		b.from, b.delta = append(b.from, t), append(b.delta, d)
	}
	return b
}

func (b bends) at(t float64) (out float64) {
	for i, from := range b.from {
		if t > from {
			out += b.delta[i] * (t - from)
		}
	}
	return out
}

// Naive repeats the season before. Each repetition adds the noise of one more.
type Naive struct {
	last  []float64 // the last known season, oldest first
	noise float64   // standard deviation of the change from one season to the next
}

// fitNaive takes the last known value of each place in a season of m steps. What was never known is the mean.
func fitNaive(v []float64, m int) *Naive {
	n := &Naive{last: make([]float64, m), noise: math.Sqrt(meanOf(v, func(i int) float64 {
		if i < m {
			return math.NaN()
		}
		d := v[i] - v[i-m]
		return d * d
	}))}
	all := meanOf(v, func(i int) float64 { return v[i] })
	for i := range n.last {
		n.last[i] = all
		for j := len(v) - m + i; j >= 0; j -= m {
			if !math.IsNaN(v[j]) {
				n.last[i] = v[j]
				break
			}
		}
	}
	if math.IsNaN(n.noise) {
		n.noise = 0
	}
	return n
}

// Mean repeats the last season.
func (n *Naive) Mean(h int) []float64 {
	out := make([]float64, h)
	for i := range out {
		out[i] = n.last[i%len(n.last)]
	}
	return out
}

// Draw repeats the season with independent changes.
func (n *Naive) Draw(h int) func(r *rand.Rand, out []float64) {
	mean := n.Mean(h)
	m := len(n.last)
	return func(r *rand.Rand, out []float64) {
		for i := range out {
			if out[i] = mean[i]; i >= m {
				out[i] = out[i-m]
			}
			out[i] += n.noise * r.NormFloat64()
		}
	}
}

// blend is the mean of several models.
type blend []Model

// Mean returns the mean of the means.
func (b blend) Mean(h int) []float64 {
	out := make([]float64, h)
	for _, m := range b {
		for i, x := range m.Mean(h) {
			out[i] += x / float64(len(b))
		}
	}
	return out
}

// Draw returns futures of the models in turn by chance, each moved to the common mean.
func (b blend) Draw(h int) func(r *rand.Rand, out []float64) {
	mean := b.Mean(h)
	own, draw := make([][]float64, len(b)), make([]func(*rand.Rand, []float64), len(b))
	for k, m := range b {
		own[k], draw[k] = m.Mean(h), m.Draw(h)
	}
	return func(r *rand.Rand, out []float64) {
		k := r.IntN(len(b))
		draw[k](r, out)
		for i := range out {
			out[i] += mean[i] - own[k][i]
		}
	}
}

// Line is a straight line through the history, by least squares.
type Line struct {
	n                    float64 // values of the history
	offset, slope, noise float64
	middle, square       float64 // of the known places, for the error of the line itself
	known                float64
}

func fitLine(v []float64) *Line {
	l := &Line{n: float64(len(v))}
	known := func(i int, x float64) float64 {
		if math.IsNaN(v[i]) {
			return v[i]
		}
		return x
	}
	mean := meanOf(v, func(i int) float64 { return v[i] })
	l.middle = meanOf(v, func(i int) float64 { return known(i, float64(i)) })
	var both float64
	for i, y := range v {
		if !math.IsNaN(y) {
			t := float64(i) - l.middle
			both += t * (y - mean)
			l.square += t * t
			l.known++
		}
	}
	if l.square > 0 {
		l.slope = both / l.square
	}
	l.offset = mean - l.slope*l.middle
	l.noise = math.Sqrt(meanOf(v, func(i int) float64 {
		e := v[i] - l.offset - l.slope*float64(i)
		return e * e
	}))
	return l
}

// Mean continues the line.
func (l *Line) Mean(h int) []float64 {
	out := make([]float64, h)
	for i := range out {
		out[i] = l.offset + l.slope*(l.n+float64(i))
	}
	return out
}

// Draw varies the line as far as the history leaves it open, and adds noise.
func (l *Line) Draw(h int) func(r *rand.Rand, out []float64) {
	mean := l.Mean(h)
	return func(r *rand.Rand, out []float64) {
		level, slope := l.noise/math.Sqrt(l.known)*r.NormFloat64(), 0.0
		if l.square > 0 {
			slope = l.noise / math.Sqrt(l.square) * r.NormFloat64()
		}
		for i := range out {
			out[i] = mean[i] + level + slope*(l.n+float64(i)-l.middle) + l.noise*r.NormFloat64()
		}
	}
}

// meanOf returns the mean of f over the places of v at which it is known, else NaN.
func meanOf(v []float64, f func(i int) float64) float64 {
	var sum, n float64
	for i := range v {
		if x := f(i); !math.IsNaN(x) {
			sum, n = sum+x, n+1
		}
	}
	return sum / n
}
