//! Tensors of a safetensors file, written and read with their types; every message names the tensor at fault.

use safetensors::tensor::{Dtype, SafeTensors};

/// A tensor's name, type, shape and bytes.
pub(crate) type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

pub(crate) fn bytes_of<T: Copy, const N: usize>(values: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&v| to_bytes(v)).collect()
}

/// A tensor of one dimension of numbers of a type.
macro_rules! vector_of {
    ($($make:ident: $number:ty as $dtype:ident),* $(,)?) => {
        $(
            pub(crate) fn $make(name: impl Into<String>, values: &[$number]) -> Tensor {
                (name.into(), Dtype::$dtype, vec![values.len()], bytes_of(values, <$number>::to_le_bytes))
            }
        )*
    };
}
vector_of!(u16s: u16 as U16, u32s: u32 as U32, f32s: f32 as F32, f64s: f64 as F64);

/// Numbers in the narrowest type that holds every one of them exactly.
pub(crate) fn narrow_bytes(cells: &[f64]) -> (Dtype, Vec<u8>) {
    match cells.iter().all(|&cell| f64::from(cell as f32) == cell) {
        true => (Dtype::F32, cells.iter().flat_map(|&cell| (cell as f32).to_le_bytes()).collect()),
        false => (Dtype::F64, bytes_of(cells, f64::to_le_bytes)),
    }
}

pub(crate) type Read<T> = std::result::Result<T, String>;

/// Typed access to the tensors of a file; every message names the tensor at fault.
pub(crate) struct Reader<'a> {
    file: &'a SafeTensors<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a SafeTensors<'a>) -> Reader<'a> {
        Reader { file }
    }

    pub(crate) fn tensor<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        dimensions: usize,
        from_bytes: fn([u8; N]) -> T,
    ) -> Read<(Vec<usize>, Vec<T>)> {
        let view = self.file.tensor(name).map_err(|e| format!("tensor {name}: {e}"))?;
        if view.dtype() != dtype || view.shape().len() != dimensions {
            return Err(format!(
                "tensor {name} is {:?} {:?}, expected {dtype:?} of {dimensions} dimensions",
                view.dtype(),
                view.shape()
            ));
        }
        let (values, _) = view.data().as_chunks::<N>();
        Ok((view.shape().to_vec(), values.iter().map(|&v| from_bytes(v)).collect()))
    }

    pub(crate) fn u32s(&self, name: &str) -> Read<Vec<u32>> {
        Ok(self.tensor(name, Dtype::U32, 1, u32::from_le_bytes)?.1)
    }

    pub(crate) fn f64s(&self, name: &str) -> Read<Vec<f64>> {
        Ok(self.tensor(name, Dtype::F64, 1, f64::from_le_bytes)?.1)
    }

    /// Float64 numbers that were written in either type.
    pub(crate) fn floats(&self, name: &str, dimensions: usize) -> Read<(Vec<usize>, Vec<f64>)> {
        match self.file.tensor(name).map(|view| view.dtype()) {
            Ok(Dtype::F32) => self.tensor(name, Dtype::F32, dimensions, |bytes| f64::from(f32::from_le_bytes(bytes))),
            _ => self.tensor(name, Dtype::F64, dimensions, f64::from_le_bytes),
        }
    }

    pub(crate) fn has(&self, prefix: &str) -> bool {
        self.file.names().iter().any(|name| name.starts_with(prefix))
    }
}

pub(crate) fn check_offsets(name: &str, offsets: &[u32], total: usize) -> Read<()> {
    let ascending = offsets.windows(2).all(|w| w[0] <= w[1]);
    match ascending && offsets.first() == Some(&0) && offsets.last() == Some(&(total as u32)) {
        true => Ok(()),
        false => Err(format!("tensor {name} does not ascend from 0 to {total}")),
    }
}
