// Command shot copies the top of a screenshot: a picture of a whole page is too long for a README.
//
//	shot FROM.png TO.png HEIGHT
package main

import (
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: shot FROM.png TO.png HEIGHT")
		os.Exit(2)
	}
	if err := shoot(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "shot:", err)
		os.Exit(1)
	}
}

func shoot(from, to, height string) error {
	h, err := strconv.Atoi(height)
	if err != nil {
		return fmt.Errorf("height: %w", err)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	whole, err := png.Decode(in)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	size := whole.Bounds()
	top := image.NewRGBA(image.Rect(0, 0, size.Dx(), min(size.Dy(), h)))
	draw.Draw(top, top.Bounds(), whole, size.Min, draw.Src)
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(out, top); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return out.Close()
}
