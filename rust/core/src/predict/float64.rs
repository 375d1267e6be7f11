//! Predictions in float64.

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::predict::predictor::{Predictor, Std};
use crate::space::definition::Space;
use crate::surrogate::sums::{DenseSums, Sums};
use crate::surrogate::uncertainty::variance;
use crate::threads::{Run, filled};

impl Predictor {
    /// Value of checked rows in float64, on the scale of the link.
    pub(crate) fn predict_linked(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let mut linked = self.predict_mean(space, rows, run)?;
        let Some(deviation) = &self.deviation else { return Ok(linked) };
        let members = self.linked_members(space, rows, run)?;
        let cards: Vec<usize> = space.cards().collect();
        let rows = rows.chunks_exact(space.width()).zip(members.chunks_exact(self.surrogate.members()));
        for (value, (row, members)) in linked.iter_mut().zip(rows) {
            *value = deviation.linked(*value, deviation.uncertainty.total(&cards, row, members));
        }
        Ok(linked)
    }

    /// Mean over members of checked rows in float64, on the scale of the link.
    fn predict_mean(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let (tables, mean) = (&self.surrogate.tables, self.mean_cells());
        let asked = rows.len() / space.width();
        let asked = self.summed_rows.fetch_add(asked, Ordering::Relaxed) + asked;
        let pays = DenseSums::pay(tables, &self.groups, 1, asked);
        let dense = match pays {
            true => Some(filled(&self.dense_sums, || Ok(DenseSums::new(&self.groups, mean)))?),
            false => self.dense_sums.get(),
        };
        self.surrogate.predict_sums(space, &Sums::prepared(&self.groups, mean, dense), rows, run)
    }

    /// Mean (and standard deviation) of checked rows in float64, the link inverted.
    pub fn predict_f64(
        &self,
        space: &Space,
        rows: &[u8],
        std: Option<Std>,
        run: &Run<'_>,
    ) -> Result<(Vec<f64>, Option<Vec<f64>>)> {
        let linked = self.predict_linked(space, rows, run)?;
        let inverse = |&v: &f64| self.deviation.as_ref().map_or_else(|| self.link.inverse(v), |d| d.inverse(v));
        let mean = linked.iter().map(inverse).collect();
        let Some(std) = std else { return Ok((mean, None)) };
        self.own_surrogate().map_err(Error::model)?;
        let members = self.linked_members(space, rows, run)?;
        let uncertainty = self.uncertainty_for(std);
        let cards: Vec<usize> = space.cards().collect();
        let of_row = |((row, members), &mean): ((&[u8], &[f64]), &f64)| {
            let residual = uncertainty.map_or(0.0, |u| u.residual_of(&cards, row) * self.link.slope(mean));
            (variance(members.iter().map(|&v| self.link.inverse(v))) + residual * residual).sqrt()
        };
        let rows = rows.chunks_exact(space.width()).zip(members.chunks_exact(self.surrogate.members()));
        Ok((mean, Some(rows.zip(&linked).map(of_row).collect())))
    }

    /// Every member's value of every checked row in float64, row-major, the link inverted.
    pub fn predict_members(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        self.own_surrogate().map_err(Error::model)?;
        let values = self.linked_members(space, rows, run)?;
        Ok(values.into_iter().map(|v| self.link.inverse(v)).collect())
    }

    /// As [`Surrogate::predict_members`](crate::surrogate::ensemble::Surrogate::predict_members), with groups that are made once.
    pub(crate) fn linked_members(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let groups = filled(&self.member_groups, || self.surrogate.assigned(1))?;
        self.surrogate.predict_members_by(groups, space, rows, run)
    }
}
