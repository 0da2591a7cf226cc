"""The networks and their files; the lowest layer that imports torch.

architectures  classic, strided, residual
autoencoder    ConvAutoencoder: encode, decode, reconstruct
refinement     optimization steps on the code after the encoder
devices        cpu, cuda or mps; precision; processes of one training
checkpoints    card.json + model.safetensors: save, find, load
bundle         a checkpoint as one zip: export, guarded import
"""
