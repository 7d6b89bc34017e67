package forecast

import "math"

// moments is what the fit needs of the history: for each piece of the trend s, power d of time, and pair (a, b) of terms
// (term 0 is the constant 1), the sum of t^d·x_a·x_b, and with the values the sum of t^d·x_a·y. In both modes the squared
// error is a polynomial of these, so the history is read once, however many steps the fit takes.
type moments struct {
	n, pieces, terms int
	xx               []float64 // [s][d 0…2][a][b], b ≥ a filled first, then mirrored
	xy               []float64 // [s][d 0…1][a]
	yy               float64
}

func (m *moments) pair(s, d int) []float64 {
	i := (s*3 + d) * m.terms * m.terms
	return m.xx[i : i+m.terms*m.terms]
}

func (m *moments) withY(s, d int) []float64 {
	i := (s*2 + d) * m.terms
	return m.xy[i : i+m.terms]
}

// collect reads the history once.
func (p *Prophet) collect(sec, y []float64) *moments {
	q := len(p.beta) + 1
	m := &moments{n: len(y), pieces: len(p.at) + 1, terms: q}
	m.xx = make([]float64, m.pieces*3*q*q)
	m.xy = make([]float64, m.pieces*2*q)
	row := make([]float64, q)
	row[0] = 1
	s := 0
	for i, v := range y {
		t := (sec[i] - p.from) / p.span
		for s < len(p.at) && t >= p.at[s] {
			s++
		}
		p.fourier(sec[i], row[1:])
		v /= p.scale
		m.yy += v * v
		x0, x1, x2 := m.pair(s, 0), m.pair(s, 1), m.pair(s, 2)
		y0, y1 := m.withY(s, 0), m.withY(s, 1)
		for a, xa := range row {
			y0[a] += xa * v
			y1[a] += xa * v * t
			w := row[a:]
			o0, o1, o2 := x0[a*q+a:a*q+q], x1[a*q+a:a*q+q], x2[a*q+a:a*q+q]
			o0, o1, o2 = o0[:len(w)], o1[:len(w)], o2[:len(w)]
			for b, xb := range w {
				z := xa * xb
				o0[b] += z
				z *= t
				o1[b] += z
				o2[b] += z * t
			}
		}
	}
	for s := range m.pieces {
		for d := range 3 {
			x := m.pair(s, d)
			for a := range q {
				for b := range a {
					x[a*q+b] = x[b*q+a]
				}
			}
		}
	}
	return m
}

// maximize finds the parameters with the largest posterior: a lasso for the trend (and the seasons when they add), a
// ridge for seasons that multiply, and the noise, in turn, until nothing moves.
func (p *Prophet) maximize(m *moments) {
	c := len(p.at)
	p.noise = 0.1
	theta := make([]float64, 2+c) // k, m, delta
	theta[0], theta[1] = p.k, p.m
	var all []float64
	if !p.multiplicative {
		all = append(append(all, theta...), p.beta...)
	}
	for range 500 {
		before := p.noise
		v := p.noise * p.noise
		if p.multiplicative {
			a, b := m.trend(p.at, p.beta)
			lasso(p.priced(a, v), b, prices(a.n, c, v), theta)
			m.seasons(p.at, theta, p.beta, v)
		} else {
			a, b := m.sum(p.at)
			lasso(p.priced(a, v), b, prices(a.n, c, v), all)
			copy(theta, all)
			copy(p.beta, all[2+c:])
		}
		rss := m.rss(p.at, theta, p.beta, p.multiplicative)
		// The maximum of −n·log σ − rss/2σ² − σ²/(2·noiseScale²).
		n, w := float64(m.n), 4/(noiseScale*noiseScale)
		p.noise = max(math.Sqrt(2*rss/(n+math.Sqrt(n*n+w*rss))), 1e-6)
		if math.Abs(p.noise-before) < 1e-9*p.noise {
			break
		}
	}
	p.k, p.m = theta[0], theta[1]
	copy(p.delta, theta[2:])
}

// priced adds the normal priors to the diagonal, at noise variance v. The offset gets none: Prophet's is so wide that it
// decides only what the history leaves open, and there (weekends of a series with workdays) it would move the level into
// the season.
func (p *Prophet) priced(a matrix, v float64) matrix {
	for i := range a.n {
		switch {
		case i == 0:
			a.v[i*a.n+i] += v / (trendScale * trendScale)
		case i >= 2+len(p.at):
			a.v[i*a.n+i] += v / (seasonScale * seasonScale)
		}
	}
	return a
}

// prices returns the Laplace prior of n parameters, c of them changes of slope, at noise variance v.
func prices(n, c int, v float64) []float64 {
	out := make([]float64, n)
	for i := range c {
		out[2+i] = v / changepointScale
	}
	return out
}

// hinge returns trend parameter i in piece s as p + q·t.
func hinge(at []float64, i, s int) (p, q float64) {
	switch {
	case i == 0:
		return 0, 1
	case i == 1:
		return 1, 0
	case s > i-2:
		return -at[i-2], 1
	}
	return 0, 0
}

// line returns the whole trend in piece s as p + q·t.
func line(at, theta []float64, s int) (p, q float64) {
	p, q = theta[1], theta[0]
	for j := range s {
		p -= theta[2+j] * at[j]
		q += theta[2+j]
	}
	return p, q
}

// trend returns the normal equations of the trend when each value is the trend times 1 + the seasons of beta.
func (m *moments) trend(at, beta []float64) (matrix, []float64) {
	n := 2 + len(at)
	a, b := newMatrix(n), make([]float64, n)
	f := append([]float64{1}, beta...)
	for s := range m.pieces {
		var w [3]float64
		for d := range w {
			x := m.pair(s, d)
			for i, fi := range f {
				for j, fj := range f {
					w[d] += fi * fj * x[i*m.terms+j]
				}
			}
		}
		var y [2]float64
		for d := range y {
			for i, xy := range m.withY(s, d) {
				y[d] += f[i] * xy
			}
		}
		m.addTrend(a, b, at, s, w, y)
	}
	return a, b
}

// addTrend adds piece s to the normal equations of the trend: w are the weighted moments of time, y those with the values.
func (m *moments) addTrend(a matrix, b, at []float64, s int, w [3]float64, y [2]float64) {
	for i := range 2 + len(at) {
		pi, qi := hinge(at, i, s)
		if pi == 0 && qi == 0 {
			break
		}
		b[i] += pi*y[0] + qi*y[1]
		for j := range i + 1 {
			pj, qj := hinge(at, j, s)
			x := a.at(i, j) + pi*pj*w[0] + (pi*qj+qi*pj)*w[1] + qi*qj*w[2]
			a.set(i, j, x)
		}
	}
}

// sum returns the normal equations of trend and seasons together, when they add.
func (m *moments) sum(at []float64) (matrix, []float64) {
	t := 2 + len(at)
	a, b := newMatrix(t+m.terms-1), make([]float64, t+m.terms-1)
	for s := range m.pieces {
		x0, x1, x2 := m.pair(s, 0), m.pair(s, 1), m.pair(s, 2)
		y0, y1 := m.withY(s, 0), m.withY(s, 1)
		m.addTrend(a, b, at, s, [3]float64{x0[0], x1[0], x2[0]}, [2]float64{y0[0], y1[0]})
		for i := 1; i < m.terms; i++ {
			b[t+i-1] += y0[i]
			for j := range t {
				p, q := hinge(at, j, s)
				a.set(t+i-1, j, a.at(t+i-1, j)+p*x0[i]+q*x1[i])
			}
			for j := 1; j <= i; j++ {
				a.set(t+i-1, t+j-1, a.at(t+i-1, t+j-1)+x0[i*m.terms+j])
			}
		}
	}
	return a, b
}

// seasons solves for beta when each value is the trend of theta times 1 + the seasons.
func (m *moments) seasons(at, theta, beta []float64, v float64) {
	n := len(beta)
	if n == 0 {
		return
	}
	a, b, on := newMatrix(n), make([]float64, n), make([]int, n)
	for s := range m.pieces {
		p, q := line(at, theta, s)
		x0, x1, x2 := m.pair(s, 0), m.pair(s, 1), m.pair(s, 2)
		y0, y1 := m.withY(s, 0), m.withY(s, 1)
		for i := range n {
			r := (i + 1) * m.terms
			b[i] += p*y0[i+1] + q*y1[i+1] - (p*p*x0[r] + 2*p*q*x1[r] + q*q*x2[r])
			for j := range i + 1 {
				k := r + j + 1
				a.set(i, j, a.at(i, j)+p*p*x0[k]+2*p*q*x1[k]+q*q*x2[k])
			}
		}
	}
	for i := range n {
		on[i] = i
		a.v[i*n+i] += v / (seasonScale * seasonScale)
	}
	copy(beta, solve(a, on, b))
}

// rss returns the sum of squared errors, scaled.
func (m *moments) rss(at, theta, beta []float64, multiplicative bool) float64 {
	f := append([]float64{1}, beta...)
	out := m.yy
	for s := range m.pieces {
		p, q := line(at, theta, s)
		x0, x1, x2 := m.pair(s, 0), m.pair(s, 1), m.pair(s, 2)
		y0, y1 := m.withY(s, 0), m.withY(s, 1)
		// In piece s a value is Σ (u_i + w_i·t)·x_i.
		u, w := make([]float64, m.terms), make([]float64, m.terms)
		u[0], w[0] = p, q
		for i := 1; i < m.terms; i++ {
			if u[i] = f[i]; multiplicative {
				u[i], w[i] = p*f[i], q*f[i]
			}
		}
		for i := range u {
			out -= 2 * (u[i]*y0[i] + w[i]*y1[i])
			for j := range u {
				k := i*m.terms + j
				out += u[i]*u[j]*x0[k] + (u[i]*w[j]+w[i]*u[j])*x1[k] + w[i]*w[j]*x2[k]
			}
		}
	}
	return max(out, 0)
}
