package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Lags is an autoregression: the next value is a weighted sum of the last few, of those around the same time a day ago,
// and of those around the same time a week ago. The weights are least squares over the whole history.
type Lags struct {
	lags   []int
	weight []float64
	mean   float64
	noise  float64
	tail   []float64 // the last values less the mean, as many as the longest lag
}

// fitLags fits seasons of m and w steps (1 and 0 for none). It returns nil when too few values have all their lags known.
func fitLags(v []float64, m, w int) *Lags {
	f := &Lags{lags: []int{1, 2, 3}, mean: meanOf(v, func(i int) float64 { return v[i] })}
	for _, season := range []int{m, w} {
		if season > 4 {
			f.lags = append(f.lags, season-1, season, season+1)
		}
	}
	n, longest := len(f.lags), slices.Max(f.lags)
	a, b, on := newMatrix(n), make([]float64, n), make([]int, n)
	row := make([]float64, n)
	var yy, rows float64
	for i := longest; i < len(v); i++ {
		y := v[i] - f.mean
		sum := y
		for k, lag := range f.lags {
			row[k] = v[i-lag] - f.mean
			sum += row[k]
		}
		if math.IsNaN(sum) {
			continue
		}
		for k, x := range row {
			b[k] += x * y
			for j := range k + 1 {
				a.v[k*n+j] += x * row[j]
			}
		}
		yy += y * y
		rows++
	}
	if rows < float64(4*n) {
		return nil
	}
	for k := range on {
		on[k] = k
		for j := range k {
			a.set(k, j, a.at(k, j))
		}
		a.v[k*n+k] += 1e-6 * yy // lags of a steady series are all alike: then they share
	}
	f.weight = solve(a, on, b)
	square := yy
	for k, x := range f.weight {
		square += x * (a.times(k, f.weight) - 2*b[k])
	}
	f.noise = math.Sqrt(max(square, 0) / rows)

	f.tail = make([]float64, longest)
	from := len(v) - longest
	for i := range f.tail {
		for back := from + i; ; back -= m {
			if back < 0 {
				break // never known: the mean
			}
			if !math.IsNaN(v[back]) {
				f.tail[i] = v[back] - f.mean
				break
			}
		}
	}
	return f
}

// run writes the next values to out, each with noise from add.
func (f *Lags) run(out, buf []float64, add func() float64) {
	n := copy(buf, f.tail)
	for i := range out {
		y := add()
		for k, lag := range f.lags {
			y += f.weight[k] * buf[n+i-lag]
		}
		buf[n+i] = y
		out[i] = y + f.mean
	}
}

// Mean returns the expected next h values.
func (f *Lags) Mean(h int) []float64 {
	out := make([]float64, h)
	f.run(out, make([]float64, len(f.tail)+h), func() float64 { return 0 })
	return out
}

// Draw lets the model run on its own, with errors as large as in the history.
func (f *Lags) Draw(h int) func(r *rand.Rand, out []float64) {
	buf := make([]float64, len(f.tail)+h)
	return func(r *rand.Rand, out []float64) {
		f.run(out, buf, func() float64 { return f.noise * r.NormFloat64() })
	}
}
