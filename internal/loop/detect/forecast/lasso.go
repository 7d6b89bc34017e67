package forecast

import "math"

// matrix is a square symmetric matrix by rows.
type matrix struct {
	n int
	v []float64
}

func newMatrix(n int) matrix             { return matrix{n, make([]float64, n*n)} }
func (m matrix) at(i, j int) float64     { return m.v[i*m.n+j] }
func (m matrix) set(i, j int, x float64) { m.v[i*m.n+j], m.v[j*m.n+i] = x, x }
func (m matrix) times(i int, x []float64) (s float64) {
	for j, a := range m.v[i*m.n : (i+1)*m.n] {
		s += a * x[j]
	}
	return s
}

// solve returns x of a[on,on]·x = b, by Cholesky. Where a has no unique answer the smallest pivots are lifted.
func solve(a matrix, on []int, b []float64) []float64 {
	n := len(on)
	l := make([]float64, n*n)
	x := make([]float64, n)
	for i := range n {
		for j := range i + 1 {
			s := a.at(on[i], on[j])
			for k := range j {
				s -= l[i*n+k] * l[j*n+k]
			}
			if i != j {
				l[i*n+j] = s / l[j*n+j]
				continue
			}
			l[i*n+i] = math.Sqrt(max(s, 1e-12*a.at(on[i], on[i]), 1e-300))
		}
	}
	for i := range n {
		s := b[i]
		for k := range i {
			s -= l[i*n+k] * x[k]
		}
		x[i] = s / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		s := x[i]
		for k := i + 1; k < n; k++ {
			s -= l[k*n+i] * x[k]
		}
		x[i] = s / l[i*n+i]
	}
	return x
}

// lasso moves x to the minimum of ½x'ax − b'x + Σ price[i]·|x[i]|, by an active set: it solves for the values that are
// not zero, stops where the first of them would change its sign, and lets in the value whose gradient beats its price
// the most. Each step goes down and the sets are finite, so it ends at the minimum; x is where it starts.
func lasso(a matrix, b, price, x []float64) {
	sign := make([]float64, a.n)
	for i := range x {
		if x[i] != 0 {
			sign[i] = math.Copysign(1, x[i])
		}
	}
	on := make([]int, 0, a.n)
	rhs := make([]float64, 0, a.n)
	for range 20 * a.n {
		on, rhs = on[:0], rhs[:0]
		for i := range x {
			if price[i] == 0 || sign[i] != 0 {
				on = append(on, i)
				rhs = append(rhs, b[i]-price[i]*sign[i])
			}
		}
		to := solve(a, on, rhs)
		step, leaves := 1.0, -1
		for k, i := range on {
			if price[i] > 0 && to[k]*sign[i] <= 0 && x[i] != to[k] {
				if s := x[i] / (x[i] - to[k]); s < step {
					step, leaves = s, i
				}
			}
		}
		for k, i := range on {
			x[i] += step * (to[k] - x[i])
		}
		if leaves >= 0 {
			x[leaves], sign[leaves] = 0, 0
			continue
		}
		worst, enters := 1e-9, -1
		for i := range x {
			if price[i] == 0 || sign[i] != 0 {
				continue
			}
			if over := (math.Abs(b[i]-a.times(i, x)) - price[i]) / price[i]; over > worst {
				worst, enters = over, i
			}
		}
		if enters < 0 {
			return
		}
		sign[enters] = math.Copysign(1, b[enters]-a.times(enters, x))
	}
}
