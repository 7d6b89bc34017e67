// Package story holds the acceptance stories: what a person sees when the whole program runs. One behaviour a file.
package story
