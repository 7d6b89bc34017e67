// Package mask takes secrets out of what other programs sent before it is kept or shown: values whose name says that they
// are secret, and what looks like one wherever it stands. It is no proof that none is left: it knows what is usual.
package mask
