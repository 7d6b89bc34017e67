package forecast

import (
	"math"
	"math/rand/v2"
)

// Winters is Holt-Winters smoothing: a level, a slope, a season of a day and, when the history holds enough of them, one
// of a week. Seasons add to the level or multiply it. What is left of an error one step later is part of the model
// (Taylor 2003): without it a level that moves with each minute is a poor guide for hours.
type Winters struct {
	multiplicative bool
	rate           rates
	noise          float64 // standard deviation of the error of one step; relative to the forecast when seasons multiply
	end            winters
}

// rates say how fast each part follows, and what is left of an error, all in 0…1.
type rates struct{ level, slope, day, week, left float64 }

// winters is the state before a value. A season that is not there has one place, neutral and with rate 0.
type winters struct {
	level, slope, err float64
	day, week         []float64
	d, w              int // places of the value
}

// peek returns the coming value without and with what is left of the last error.
func (s *winters) peek(r *rates, multiplicative bool) (plain, full float64) {
	if multiplicative {
		plain = (s.level + s.slope) * s.day[s.d] * s.week[s.w]
	} else {
		plain = s.level + s.slope + s.day[s.d] + s.week[s.w]
	}
	return plain, plain + r.left*s.err
}

// step moves over a value and returns the error. A value that is missing was as foreseen.
func (s *winters) step(y float64, r *rates, multiplicative bool) (e float64) {
	plain, full := s.peek(r, multiplicative)
	if math.IsNaN(y) {
		y = full
	}
	e = y - full
	s.err = y - plain
	d, w := s.day[s.d], s.week[s.w]
	move := e // of the level
	if multiplicative {
		move = e / (d * w)
	}
	s.level += s.slope + r.level*move
	s.slope += r.level * r.slope * move
	if multiplicative {
		if s.level > 0 {
			// A season never reaches 0, or the level could not be told from it any more.
			s.day[s.d] = max(d+r.day*e/(s.level*w), 1e-3)
			s.week[s.w] = max(w+r.week*e/(s.level*d), 1e-3)
		}
	} else {
		s.day[s.d] = d + r.day*e
		s.week[s.w] = w + r.week*e
	}
	if s.d++; s.d == len(s.day) {
		s.d = 0
	}
	if s.w++; s.w == len(s.week) {
		s.w = 0
	}
	return e
}

// copyTo copies the state, with its seasons, into the memory of o.
func (s *winters) copyTo(o *winters) {
	day, week := append(o.day[:0], s.day...), append(o.week[:0], s.week...)
	*o = *s
	o.day, o.week = day, week
}

// fitWinters fits seasons of m and w steps (1 and 0 for none) to the last 10,000 values, or to four seasons when these are
// longer: more takes long and comes no nearer to the truth. It returns nil when seasons are to multiply and a value is not over 0.
func fitWinters(v []float64, m, w int, multiplicative bool) *Winters {
	return smooth(v[max(0, len(v)-max(10000, 4*max(m, w))):], m, w, multiplicative)
}

// smooth fits to all values.
func smooth(v []float64, m, w int, multiplicative bool) *Winters {
	if multiplicative {
		for _, y := range v {
			if y <= 0 {
				return nil
			}
		}
	}
	start := begin(v, m, w, multiplicative)
	f := &Winters{multiplicative: multiplicative}
	var s winters
	run := func(r *rates) (square, relative float64) {
		start.copyTo(&s)
		var n float64
		for i, y := range v {
			plain, _ := s.peek(r, multiplicative)
			e := s.step(y, r, multiplicative)
			if i < m || math.IsNaN(y) {
				continue // the season of the start knows these values
			}
			square += e * e
			relative += e * e / (plain * plain)
			n++
		}
		return square / n, relative / n
	}
	decode := func(x []float64) *rates {
		r := &rates{level: squash(x[0]), slope: squash(x[1]), left: squash(x[2])}
		if m > 1 {
			r.day = squash(x[3])
		}
		if w > 1 {
			r.week = squash(x[4])
		}
		return r
	}
	best := descend(func(x []float64) float64 {
		square, _ := run(decode(x))
		return square
	}, []float64{-2, -5, 0, -2, -2}, 1.5, 80)
	f.rate = *decode(best)
	square, relative := run(&f.rate)
	if f.noise = math.Sqrt(square); multiplicative {
		f.noise = math.Sqrt(relative)
	}
	s.copyTo(&f.end)
	return f
}

func squash(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// begin returns the state before the first value: a straight line, and seasons as they are on average around it over at most the
// first six, so that the later history still tests the rates.
func begin(v []float64, m, w int, multiplicative bool) winters {
	w = max(w, 1)
	head := v[:min(len(v), 6*max(m, w))]
	s := winters{day: make([]float64, m), week: make([]float64, w)}
	// A trend would look like a season that rises and falls back.
	l := fitLine(head)
	s.level, s.slope = l.offset, l.slope
	trend := func(i int) float64 { return l.offset + l.slope*float64(i) }
	if multiplicative && min(trend(0), trend(len(head))) <= 0 {
		s.level, s.slope = meanOf(head, func(i int) float64 { return head[i] }), 0
		trend = func(int) float64 { return s.level }
	}
	part := func(season []float64, rest func(i int) float64) {
		n := len(season)
		sum, count := make([]float64, n), make([]float64, n)
		for i := range head {
			if x := rest(i); n > 1 && !math.IsNaN(x) {
				sum[i%n] += x
				count[i%n]++
			}
		}
		for i := range season {
			switch {
			case count[i] > 0 && multiplicative:
				season[i] = max(sum[i]/count[i], 1e-3)
			case count[i] > 0:
				season[i] = sum[i] / count[i]
			case multiplicative:
				season[i] = 1
			}
		}
	}
	if multiplicative {
		part(s.day, func(i int) float64 { return head[i] / trend(i) })
		part(s.week, func(i int) float64 { return head[i] / trend(i) / s.day[i%m] })
	} else {
		part(s.day, func(i int) float64 { return head[i] - trend(i) })
		part(s.week, func(i int) float64 { return head[i] - trend(i) - s.day[i%m] })
	}
	return s
}

// Mean returns the expected next h values.
func (f *Winters) Mean(h int) []float64 {
	out := make([]float64, h)
	var s winters
	f.end.copyTo(&s)
	for i := range out {
		_, out[i] = s.peek(&f.rate, f.multiplicative)
		s.step(math.NaN(), &f.rate, f.multiplicative)
	}
	return out
}

// Draw lets the model run on its own, with errors as large as in the history.
func (f *Winters) Draw(int) func(r *rand.Rand, out []float64) {
	var s winters
	return func(r *rand.Rand, out []float64) {
		f.end.copyTo(&s)
		for i := range out {
			plain, full := s.peek(&f.rate, f.multiplicative)
			e := f.noise * r.NormFloat64()
			if f.multiplicative {
				e *= math.Abs(plain)
			}
			out[i] = full + e
			s.step(out[i], &f.rate, f.multiplicative)
		}
	}
}

// descend looks for the smallest f from x by the simplex of Nelder and Mead, with about so many tries.
func descend(f func([]float64) float64, x []float64, size float64, tries int) []float64 {
	n := len(x)
	type corner struct {
		x []float64
		y float64
	}
	value := func(x []float64) corner {
		y := f(x)
		if math.IsNaN(y) {
			y = math.Inf(1)
		}
		return corner{x, y}
	}
	all := []corner{value(append([]float64(nil), x...))}
	for i := range n {
		c := append([]float64(nil), x...)
		c[i] += size
		all = append(all, value(c))
	}
	for range tries {
		low, high := 0, 0
		for i, c := range all {
			if c.y < all[low].y {
				low = i
			}
			if c.y > all[high].y {
				high = i
			}
		}
		along := func(by float64) corner {
			to := make([]float64, n)
			for i, c := range all {
				if i != high {
					for k, xk := range c.x {
						to[k] += (1 + by) * xk / float64(n)
					}
				}
			}
			for k, xk := range all[high].x {
				to[k] -= by * xk
			}
			return value(to)
		}
		next := along(1)
		switch {
		case next.y < all[low].y:
			if far := along(2); far.y < next.y {
				next = far
			}
		case next.y >= all[high].y:
			next = along(-0.5)
		}
		if next.y < all[high].y {
			all[high] = next
			continue
		}
		for i := range all {
			if i == low {
				continue
			}
			to := make([]float64, n)
			for k := range to {
				to[k] = (all[low].x[k] + all[i].x[k]) / 2
			}
			all[i] = value(to)
		}
	}
	best := all[0]
	for _, c := range all {
		if c.y < best.y {
			best = c
		}
	}
	return best.x
}
