"""What every benchmark uses: the page, its words, the images, results that are kept, figures and pictures."""
