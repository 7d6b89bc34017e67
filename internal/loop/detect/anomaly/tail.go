package anomaly

import "math"

// tail remembers how often sizes were seen, in half octaves from an eighth of the usual size up; old ones fade.
type tail struct {
	bins [40]float32
	n    float32
}

const (
	lowest = -3   // octave of the first bin
	faded  = 0.05 // less than this of one value is forgotten
)

// place returns where z lies in the bins, with the part of the bin that lies below it.
func (t *tail) place(z float64) (bin int, below float64) {
	x := 2 * (math.Log2(max(z, 1e-9)) - lowest)
	x = min(max(x, 0), float64(len(t.bins)-1))
	return int(x), x - math.Floor(x)
}

// rank returns which share of the past was at least as large as z. Beyond all that was seen it falls on with the square of
// the size: a value twice the largest is rarer than one just over it.
func (t *tail) rank(z float64) float64 {
	top := len(t.bins) - 1
	for top >= 0 && t.bins[top] <= faded {
		top--
	}
	k, below := t.place(z)
	p := float64(t.bins[k]) * (1 - below)
	for _, n := range t.bins[k+1:] {
		p += float64(n)
	}
	p = (p + 0.5) / (float64(t.n) + 1)
	if edge := math.Exp2(float64(top+1)/2 + lowest); z > edge && top >= 0 {
		p *= (edge / z) * (edge / z)
	}
	return min(p, 1)
}

func (t *tail) add(z float64) {
	for i := range t.bins {
		t.bins[i] *= 1 - 1.0/memory
	}
	t.n = t.n*(1-1.0/memory) + 1
	k, _ := t.place(z)
	t.bins[k]++
}

// gauge ranks the size of one kind of distance against its own past.
type gauge struct {
	usual float64 // mean size, of which single large ones move little
	n     float64
	tail  tail
}

// rank returns the share of the past that was at least as large as x, in 0…1, and takes x into the past.
func (g *gauge) rank(x float64) float64 {
	x = math.Abs(x)
	z := 0.0
	switch {
	case g.usual > 0:
		z = min(x/g.usual, 1e6)
	case x > 0:
		z = 1000 // nothing ever differed, and this does
	}
	p := g.tail.rank(z)
	g.tail.add(z)
	g.n++
	most := 10 * g.usual
	if g.n < 20 {
		most += x
	}
	g.usual += (min(x, most) - g.usual) / min(g.n, memory)
	return p
}
