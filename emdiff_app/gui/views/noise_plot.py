"""The variance of the noise over the brightness: what was measured, and the line through it."""

from emdiff_app.gui.model_pictures import NoiseFit

from .ink import InkPlot

__all__ = ["NoisePlot"]


class NoisePlot(InkPlot):
    def __init__(self) -> None:
        super().__init__(
            "Noise",
            "brightness in grey levels",
            "variance",
            "Each point is a part of the image: its brightness and how much its pixels scatter. The line is the model.",
        )
        self.setFixedHeight(170)
        self.points = self.dots()
        self.fitted = self.line()

    def show_fit(self, fit: NoiseFit) -> None:
        self.points.setData(fit.levels, fit.variances)
        self.fitted.setData(fit.levels, fit.line)
